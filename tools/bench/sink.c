// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where all rivals' lines go: accepts their connections, subscribes to agents, scrapes exporters,
 * reads everything and keeps only counts.
 * sink PORT [agent NAME PORT PHASE_MS INTERVAL METRICS]… [scrape NAME PORT PATH PHASE_MS]…
 * METRICS: names separated by commas. A rival's first line is "#NAME" or "#NAME text": lines of
 * numbers are checked (12 fields, each with its TAB), of text those that begin with '#' are
 * counted. On each line of stdin one JSON object is printed: per name lines, bad ones, bytes, the
 * last line. Ends at the end of stdin.
 */
#include "common.h"

#include <stdbool.h>
#include <sys/epoll.h>

#define MAX_CONN 32
#define FIELDS   12

enum kind { LISTEN, STDIN, NUMBERS, TEXT, HTTP, TIMER };

struct conn {
	enum kind kind;
	int fd;
	char name[32];
	unsigned long lines, bad, bytes;
	size_t len; /* of the line that is being read */
	char line[4096], last[512];
	/* agents and scrapes: what the timer does when it fires */
	struct conn *target;
	char request[2048];
	bool once;
	int port;
};

static struct conn conns[MAX_CONN];
static int n_conns, ep;

static struct conn *add(enum kind kind, int fd, const char *name)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct conn *c;

	if (n_conns == MAX_CONN) {
		fprintf(stderr, "sink: too many connections\n");
		exit(1);
	}
	c = &conns[n_conns++];
	c->kind = kind;
	c->fd = fd;
	snprintf(c->name, sizeof(c->name), "%s", name);
	e.data.ptr = c;
	if (fd >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll");
	return c;
}

static void one_line(struct conn *c)
{
	size_t tabs = 0;

	if (c->line[0] == '#' && !c->name[0]) {
		char *text = strstr(c->line, " text");

		if (text) {
			*text = '\0';
			c->kind = TEXT;
		}
		snprintf(c->name, sizeof(c->name), "%.31s", c->line + 1);
		return;
	}
	if (c->kind == TEXT && c->line[0] != '#')
		return;
	c->lines++;
	memcpy(c->last, c->line, sizeof(c->last) - 1);
	if (c->kind == TEXT)
		return;
	for (char *s = c->line; *s;) {
		char *end;

		strtod(s, &end);
		if (end == s || *end != '\t')
			break;
		tabs++;
		s = end + 1;
	}
	c->bad += tabs != FIELDS;
}

static void received(struct conn *c)
{
	char buf[65536];
	ssize_t n = read(c->fd, buf, sizeof(buf));

	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->bytes += (unsigned long)n;
	if (c->kind == HTTP) { /* an answer is whole long before the next is asked for */
		c->lines += (size_t)n >= 12 && memcmp(buf, "HTTP/1.1 200", 12) == 0;
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n') {
			if (c->len < sizeof(c->line) - 1)
				c->line[c->len++] = buf[i];
			continue;
		}
		c->line[c->len] = '\0';
		one_line(c);
		c->len = 0;
	}
}

static void fired(struct conn *c)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c->target};
	uint64_t expired;

	if (read(c->fd, &expired, sizeof(expired)) != sizeof(expired))
		return;
	if (c->target->fd < 0) {
		c->target->fd = connect_loopback(c->port);
		if (c->target->fd < 0)
			return; /* not there yet: again at the next second */
		if (epoll_ctl(ep, EPOLL_CTL_ADD, c->target->fd, &e) < 0)
			die("epoll");
	}
	if (write(c->target->fd, c->request, strlen(c->request)) < 0)
		return;
	if (c->once) {
		close(c->fd);
		c->fd = -1;
	}
}

static void print_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '\t')
			fputs("\\t", stdout);
		else if (*s == '"' || *s == '\\' || (unsigned char)*s < ' ')
			printf("\\u%04x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void report(void)
{
	bool first = true;

	putchar('{');
	for (int i = 0; i < n_conns; i++) {
		struct conn *c = &conns[i];

		if (!c->name[0] || c->kind == TIMER)
			continue;
		printf("%s\"%s\": {\"lines\": %lu, \"bad\": %lu, \"bytes\": %lu, \"open\": %s, \"last\": ",
		       first ? "" : ", ", c->name, c->lines, c->bad, c->bytes,
		       c->fd >= 0 ? "true" : "false");
		print_string(c->last);
		putchar('}');
		first = false;
	}
	puts("}");
	fflush(stdout);
}

static int listen_loopback(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 16) < 0)
		die("listen");
	return s;
}

static struct conn *add_timer(const char *name, int port, int phase_ms, enum kind kind)
{
	struct conn *t = add(TIMER, timer_1hz(phase_ms), name);

	t->target = add(kind, -1, name);
	t->port = port;
	return t;
}

static void parse(int argc, char **argv)
{
	for (int i = 2; i < argc;) {
		if (strcmp(argv[i], "agent") == 0 && i + 5 < argc) {
			struct conn *t = add_timer(argv[i + 1], atoi(argv[i + 2]),
						   atoi(argv[i + 3]), NUMBERS);

			t->once = true;
			for (char *s = argv[i + 5]; *s; s++)
				if (*s == ',')
					*s = '\t';
			snprintf(t->request, sizeof(t->request), "interval:%s\nmetrics:%s\n",
				 argv[i + 4], argv[i + 5]);
			i += 6;
		} else if (strcmp(argv[i], "scrape") == 0 && i + 4 < argc) {
			struct conn *t =
				add_timer(argv[i + 1], atoi(argv[i + 2]), atoi(argv[i + 4]), HTTP);

			snprintf(t->request, sizeof(t->request),
				 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[i + 3]);
			i += 5;
		} else {
			fprintf(stderr, "sink: what is '%s'?\n", argv[i]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: sink PORT [agent …] [scrape …]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		die("epoll");
	add(LISTEN, listen_loopback(atoi(argv[1])), "");
	add(STDIN, 0, "");
	parse(argc, argv);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event ev[8];
		int n = epoll_wait(ep, ev, 8, -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			char ask[64];
			int s;

			switch (c->kind) {
			case LISTEN:
				s = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC);
				if (s >= 0)
					add(NUMBERS, s, "");
				break;
			case STDIN:
				if (read(0, ask, sizeof(ask)) <= 0)
					return 0;
				report();
				break;
			case TIMER:
				fired(c);
				break;
			default:
				received(c);
			}
		}
	}
}
