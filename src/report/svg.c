// SPDX-License-Identifier: GPL-2.0-only
/*
 * A chart as an SVG document: axes, lines, limits, broken stretches, title and legend; its reader's
 * colours, dark or light. No script, no font of its own, nothing to be fetched. Renders; computes
 * nothing but positions. Called by cli/report_text.c.
 */
#include <mmsperf/chart.h>

#include <mmsperf/compare.h>

#include "report/html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define WIDTH      900.0
#define HEIGHT     360.0
#define LEFT       76.0
#define RIGHT      18.0
#define TOP        64.0
#define BOTTOM     40.0
#define TICKS_Y    5
#define TICKS_X    8
#define MAX_POINTS 1200 /* of a line: more than the picture has pixels for */
#define COLOURS    8

struct frame {
	struct mp_buf b;
	const struct mp_chart *c;
	double x0, x1, y0, y1; /* of the axes, in seconds and in the chart's unit */
};

/* Plain colours in classes: other readers than browsers know no variables, and skip @media. */
static const char style[] =
	"<style>\n"
	"text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\n"
	".title{font-size:16px;font-weight:600}\n"
	".line{fill:none;stroke-width:1.6;stroke-linejoin:round}.limit{stroke-dasharray:6 4}\n"
	".breach{opacity:.13}\n"
	".bg{fill:#fff}text{fill:#5a6572}.title{fill:#1b2129}.grid{stroke:#e2e6eb}\n"
	".axis,.limit{stroke:#5a6572}.limit.failed{stroke:#b3261e}\n"
	".limit-text.failed,.breach{fill:#b3261e}\n"
	".l0{stroke:#2569c9}.f0{fill:#2569c9}.l1{stroke:#d9730d}.f1{fill:#d9730d}\n"
	".l2{stroke:#64707d}.f2{fill:#64707d}.l3{stroke:#158a5f}.f3{fill:#158a5f}\n"
	".l4{stroke:#b83280}.f4{fill:#b83280}.l5{stroke:#7b5cc4}.f5{fill:#7b5cc4}\n"
	".l6{stroke:#0b8a9e}.f6{fill:#0b8a9e}.l7{stroke:#8f6b12}.f7{fill:#8f6b12}\n"
	"@media (prefers-color-scheme:dark){\n"
	".bg{fill:#161b22}text{fill:#98a4b1}.title{fill:#e3e8ee}.grid{stroke:#29313b}\n"
	".axis,.limit{stroke:#98a4b1}.limit.failed{stroke:#ff8a80}\n"
	".limit-text.failed,.breach{fill:#ff8a80}\n"
	".l0{stroke:#6aa8ff}.f0{fill:#6aa8ff}.l1{stroke:#f5a04a}.f1{fill:#f5a04a}\n"
	".l2{stroke:#97a3b0}.f2{fill:#97a3b0}.l3{stroke:#4fcb98}.f3{fill:#4fcb98}\n"
	".l4{stroke:#f07fbe}.f4{fill:#f07fbe}.l5{stroke:#b39bf2}.f5{fill:#b39bf2}\n"
	".l6{stroke:#4cc8db}.f6{fill:#4cc8db}.l7{stroke:#d9b457}.f7{fill:#d9b457}\n"
	"}\n"
	"</style>\n";

/* Nice steps: 1, 2 or 5 of a power of ten. */
static double step_of(double span, int ticks)
{
	double rough = span / ticks, power = pow(10, floor(log10(rough))), f = rough / power;

	return power * (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10);
}

/* Of time: what clocks show. */
static double step_of_time(double span, int ticks)
{
	static const double steps[] = {1,   2,   5,    10,   15,   30,    60,    120,  300,
				       600, 900, 1800, 3600, 7200, 14400, 43200, 86400};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (span / steps[i] <= ticks)
			return steps[i];
	return step_of(span, ticks);
}

static double at_x(const struct frame *f, double s)
{
	return LEFT + (s - f->x0) / (f->x1 - f->x0) * (WIDTH - LEFT - RIGHT);
}

static double at_y(const struct frame *f, double v)
{
	return HEIGHT - BOTTOM - (v - f->y0) / (f->y1 - f->y0) * (HEIGHT - TOP - BOTTOM);
}

/* A limit far beyond the values would flatten them: it is left out. */
static bool is_near(const struct mp_chart_limit *l, double low, double high)
{
	return l->failed || (l->at <= fmax(high * 2.5, high + (high - low) * 3) && l->at >= 0) ||
	       (l->at >= low && l->at <= high);
}

static void set_ranges(struct frame *f)
{
	const struct mp_chart *c = f->c;
	double low = INFINITY, high = -INFINITY, step, data_low, data_high;

	f->x0 = INFINITY;
	f->x1 = -INFINITY;
	for (size_t i = 0; i < c->n_lines; i++)
		for (size_t k = 0; k < c->lines[i].n; k++) {
			f->x0 = fmin(f->x0, c->lines[i].ts[k] - c->zero_s);
			f->x1 = fmax(f->x1, c->lines[i].ts[k] - c->zero_s);
			if (!isfinite(c->lines[i].v[k]))
				continue;
			low = fmin(low, c->lines[i].v[k]);
			high = fmax(high, c->lines[i].v[k]);
		}
	if (!isfinite(f->x0))
		f->x0 = 0;
	if (!(f->x1 > f->x0))
		f->x1 = f->x0 + fmax(1, fabs(f->x0) * 1e-9);
	if (!isfinite(low))
		low = high = 0;
	data_low = low;
	data_high = high;
	for (size_t i = 0; i < c->n_limits; i++)
		if (is_near(&c->limits[i], data_low, data_high)) {
			low = fmin(low, c->limits[i].at);
			high = fmax(high, c->limits[i].at);
		}
	/* from zero where that costs little: a line that moves by 1 % looks like 1 % */
	if (low >= 0 && low < high * 0.7)
		low = 0;
	if (!(high > low)) {
		double around = fabs(high) > 0 ? fabs(high) * 0.2 : 1;

		low = high > 0 ? fmax(0, low - around) : low - (high < 0 ? around : 0);
		high += around;
	}
	step = step_of(high - low, TICKS_Y);
	f->y0 = floor(low / step + 1e-9) * step;
	f->y1 = ceil(high / step - 1e-9) * step;
}

static void put_axes(struct frame *f)
{
	const struct mp_measure unit = {.unit = f->c->unit, .per = f->c->per};
	double step = step_of(f->y1 - f->y0, TICKS_Y);
	double time_step = step_of_time(f->x1 - f->x0, TICKS_X);
	double first = ceil(f->x0 / time_step) * time_step;
	struct mp_buf *b = &f->b;
	char text[48];

	for (int i = 0; f->y0 + i * step <= f->y1 + step / 2; i++) {
		double v = f->y0 + i * step, y = at_y(f, v);

		mp_buf_printf(
			b,
			"<line class=\"grid\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4,
			mp_cmp_value(text, sizeof(text), &unit, fabs(v) < step * 1e-9 ? 0 : v));
	}
	/* counted: where times are beyond what a double tells apart, adding a step changes nothing
	 */
	for (int i = 0; i <= TICKS_X + 1 && first + i * time_step <= f->x1 + 1e-9; i++) {
		double t = first + i * time_step;

		mp_buf_printf(b, "<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%s%s</text>\n",
			      at_x(f, t), HEIGHT - BOTTOM + 18, t < 0 ? "-" : "",
			      mp_format_elapsed(text, sizeof(text), fabs(t)));
	}
	mp_buf_printf(b, "<line class=\"axis\" x1=\"%g\" x2=\"%g\" y1=\"%g\" y2=\"%g\"/>\n", LEFT,
		      WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM);
}

static void put_breaches(struct frame *f)
{
	for (size_t i = 0; i < f->c->n_limits; i++) {
		const struct mp_chart_limit *l = &f->c->limits[i];
		double from = fmax(f->x0, l->from_s - f->c->zero_s);
		double to = fmin(f->x1, l->to_s - f->c->zero_s);

		if (l->failed && l->from_s > 0 && to >= from)
			mp_buf_printf(&f->b,
				      "<rect class=\"breach\" x=\"%.1f\" y=\"%g\" width=\"%.1f\" "
				      "height=\"%g\"/>\n",
				      at_x(f, from), TOP, fmax(2, at_x(f, to) - at_x(f, from)),
				      HEIGHT - TOP - BOTTOM);
	}
}

/* A gap where values are missing; a value alone between two gaps is a dot. */
static int put_line(struct frame *f, const struct mp_chart_line *l, size_t index)
{
	struct mp_reduced r = {0};
	struct mp_buf *b = &f->b;
	int k = mp_series_reduce(l->ts, l->v, l->n, MAX_POINTS, &r);

	if (k < 0)
		return k;
	mp_buf_printf(b, "<g><title>");
	mp_html_text(b, l->name);
	mp_buf_printf(b, "</title><path class=\"line l%zu\" d=\"", index % COLOURS);
	for (size_t i = 0; i < r.n; i++) {
		bool begins = !i || !isfinite(r.mean[i - 1]);

		if (isfinite(r.mean[i]))
			mp_buf_printf(b, "%s%.1f %.1f", begins ? "M" : "L",
				      at_x(f, r.ts[i] - f->c->zero_s), at_y(f, r.mean[i]));
	}
	mp_buf_puts(b, "\"/>");
	for (size_t i = 0; i < r.n; i++)
		if (isfinite(r.mean[i]) && (!i || !isfinite(r.mean[i - 1])) &&
		    (i + 1 == r.n || !isfinite(r.mean[i + 1])))
			mp_buf_printf(b, "<circle class=\"f%zu\" r=\"2\" cx=\"%.1f\" cy=\"%.1f\"/>",
				      index % COLOURS, at_x(f, r.ts[i] - f->c->zero_s),
				      at_y(f, r.mean[i]));
	mp_buf_puts(b, "</g>\n");
	mp_reduced_done(&r);
	return 0;
}

static void put_limits(struct frame *f)
{
	for (size_t i = 0; i < f->c->n_limits; i++) {
		const struct mp_chart_limit *l = &f->c->limits[i];
		const char *class = l->failed ? " failed" : "";
		double y = at_y(f, l->at);

		if (l->at < f->y0 || l->at > f->y1)
			continue;
		mp_buf_printf(&f->b,
			      "<line class=\"limit%s\" x1=\"%g\" x2=\"%g\" y1=\"%.1f\" "
			      "y2=\"%.1f\"/><text class=\"limit-text%s\" x=\"%g\" y=\"%.1f\" "
			      "text-anchor=\"end\">",
			      class, LEFT, WIDTH - RIGHT, y, y, class, WIDTH - RIGHT - 4,
			      y < TOP + 16 ? y + 14 : y - 5);
		mp_html_text(&f->b, l->text);
		mp_buf_puts(&f->b, "</text>\n");
	}
}

/* From the right, beside the title; many lines need the row below it, too. */
static void put_legend(struct frame *f)
{
	const double room = WIDTH - LEFT - RIGHT;
	size_t n = f->c->n_lines < COLOURS ? f->c->n_lines : COLOURS;

	if (f->c->n_lines < 2)
		return;
	for (size_t i = 0; i < n; i++) {
		double x = LEFT + room * (double)i / (double)n;

		mp_buf_printf(&f->b,
			      "<svg x=\"%.1f\" y=\"38\" width=\"%.1f\" height=\"18\">"
			      "<rect class=\"f%zu\" y=\"7\" width=\"14\" height=\"3\"/>"
			      "<text x=\"20\" y=\"13\">",
			      x, room / (double)n - 8, i);
		mp_html_text(&f->b, f->c->lines[i].name);
		mp_buf_puts(&f->b, "</text></svg>\n");
	}
}

int mp_report_svg(const struct mp_chart *c, struct mp_buf *ret)
{
	struct frame f = {.c = c};
	struct mp_buf *b = &f.b;
	int r = 0;

	set_ranges(&f);
	mp_buf_printf(
		b,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" "
		"height=\"%g\" role=\"img\" aria-labelledby=\"t\">\n<title id=\"t\">",
		WIDTH, HEIGHT, WIDTH, HEIGHT);
	mp_html_text(b, c->title);
	mp_buf_puts(b, " · ");
	mp_html_text(b, c->suite);
	mp_buf_puts(b, "</title>\n");
	mp_buf_puts(b, style);
	mp_buf_puts(b, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n"
		       "<text x=\"16\" y=\"26\"><tspan class=\"title\">");
	mp_html_text(b, c->title);
	mp_buf_puts(b, "</tspan><tspan dx=\"10\">");
	mp_html_text(b, c->suite);
	mp_buf_puts(b, "</tspan></text>\n");
	put_breaches(&f);
	put_axes(&f);
	for (size_t i = 0; i < c->n_lines && !r; i++)
		r = put_line(&f, &c->lines[i], i);
	put_limits(&f);
	put_legend(&f);
	mp_buf_puts(b, "</svg>\n");
	if (r < 0 || b->failed) {
		mp_buf_done(b);
		return -ENOMEM;
	}
	*ret = f.b;
	return 0;
}
