// SPDX-License-Identifier: GPL-2.0-only
/* The machine a run was made on, as a folded table below the run's facts. Called by html.c. */
#include "report/html.h"

void mp_html_environment(struct mp_buf *b, const struct mp_fingerprint *fp)
{
	if (!*fp->id)
		return; /* a run of an older version, or a folder bzt left */
	mp_buf_printf(b,
		      "<details class=\"all\" id=\"environment\"><summary>Environment "
		      "<code>%.*s</code></summary>\n<table class=\"grid\"><tbody>\n",
		      MP_FP_ID_LEN, fp->id);
	for (int f = 0; f < _MP_FP_MAX; f++) {
		mp_buf_printf(b, "<tr><th scope=\"row\">%s</th><td>", mp_fp_title(f));
		mp_html_text(b, fp->v[f] ? fp->v[f] : "not known");
		mp_buf_puts(b, "</td></tr>\n");
	}
	mp_buf_puts(b, "</tbody></table>\n<p class=\"note\">Runs are compared with runs of the "
		       "same <code>");
	mp_html_text(b, fp->id);
	mp_buf_puts(b, "</code>: it stands for all of these but the distribution and the tools."
		       "</p></details>\n");
}
