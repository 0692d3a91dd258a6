// SPDX-License-Identifier: GPL-2.0-only
/*
 * How members end: by code and signal, after which lifetime, and who takes the place of a worker
 * that ended. Only counts; tree.c says when.
 */
#include "proc/tree.h"

#include <sys/wait.h>

static void note_end(struct mp_gone *gone, int status, uint64_t lifetime_ns)
{
	gone->crashed += status != 0;
	if (WIFSIGNALED(status))
		gone->by_signal[WTERMSIG(status) % MP_SIGNALS]++;
	else
		gone->by_code[WEXITSTATUS(status)]++;
	gone->lifetime_ns += lifetime_ns;
	if (!gone->processes || lifetime_ns < gone->shortest_ns)
		gone->shortest_ns = lifetime_ns;
	gone->processes++;
}

/* Start to end. The end is on another clock, which stands still while the machine sleeps. */
static uint64_t lifetime_ns(const struct mp_tree *t, const struct mp_proc *p)
{
	uint64_t end = p->cur.exit_ns ? p->cur.exit_ns : t->tick_ns;
	uint64_t end_boot = end + (t->boot_ns - t->tick_ns);

	return end_boot > p->cur.start_ns ? end_boot - p->cur.start_ns : 0;
}

void mp_role_vacated(struct mp_tree *t, const struct mp_proc *p)
{
	if (p->model >= 0)
		t->models[p->model].vacant++;
	else
		t->vacant++;
}

void mp_end_note(struct mp_tree *t, const struct mp_proc *p)
{
	uint64_t lived = lifetime_ns(t, p);
	int status = (int)p->cur.exit_code & 0xff7f; /* a core dump's flag is no news here */

	note_end(&t->gone[p->role], status, lived);
	if (p->role == MP_ROLE_WORKER && p->model >= 0)
		note_end(&t->models[p->model].gone, status, lived);
}

void mp_role_replaced(struct mp_tree *t, int model)
{
	struct mp_model *m = model >= 0 ? &t->models[model] : NULL;
	unsigned *vacant = m ? &m->vacant : &t->vacant;

	if (!*vacant)
		return;
	--*vacant;
	t->restarts++;
	if (m)
		m->restarts++;
}
