// SPDX-License-Identifier: GPL-2.0-only
/* Roles, slots, and totals that never fall, with scripted records. */
#include "fake.h"

#define ROOT ((int)getpid())

static struct fake *f;
static struct mp_meter *m;

static int setup(void **state)
{
	(void)state;
	f = fake_new();
	m = fake_meter(f, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mp_meter_free(m);
	free(f);
	return 0;
}

static void tick(void)
{
	assert_int_equal(mp_meter_tick(m), 0);
}

/* java -> listener 20 (model a) -> workers 21, 22 */
static void put_mms(void)
{
	PUT(f, 0, ROOT, 1, -1, JAVA_CMD)->flags = MP_REC_ROOT;
	PUT(f, 1, 20, ROOT, 0, WORKER_CMD("a"));
	PUT(f, 2, 21, 20, 1, "")->flags = MP_REC_FORKED;
	PUT(f, 3, 22, 20, 1, "")->flags = MP_REC_FORKED;
	f->n = 4;
}

static void mms_roles(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	PUT(f, 4, 30, ROOT, 0, "sh\0-c\0hostname");
	tick();
	assert_int_equal(t->n, 5);
	assert_int_equal(t->root, ROOT);
	assert_int_equal(t->frontend, ROOT);
	assert_int_equal(by_pid(m, ROOT)->role, MP_ROLE_FRONTEND);
	assert_int_equal(by_pid(m, 20)->role, MP_ROLE_WORKER);
	assert_true(by_pid(m, 20)->is_parent);
	assert_int_equal(by_pid(m, 20)->slot, -1);
	assert_int_equal(by_pid(m, 21)->role, MP_ROLE_WORKER);
	assert_false(by_pid(m, 21)->is_parent);
	assert_int_equal(by_pid(m, 21)->slot, 0);
	assert_int_equal(by_pid(m, 22)->slot, 1);
	assert_int_equal(by_pid(m, 30)->role, MP_ROLE_OTHER);
	assert_int_equal(t->n_models, 1);
	assert_string_equal(t->models[by_pid(m, 22)->model].name, "a");
	assert_string_equal(by_pid(m, 21)->cmd, by_pid(m, 20)->cmd);
	assert_true(by_pid(m, 21)->fresh);
	tick();
	assert_false(by_pid(m, 21)->fresh);
}

static void slots_are_stable_and_reused(void **state)
{
	(void)state;
	put_mms();
	tick();
	f->r[2].state = MP_REC_ENDED;
	tick();
	assert_null(by_pid(m, 21));
	assert_int_equal(by_pid(m, 22)->slot, 1);
	PUT(f, 2, 23, 20, 1, "")->flags = MP_REC_FORKED;
	f->r[2].start_ns = 9 * SEC;
	tick();
	assert_int_equal(by_pid(m, 23)->slot, 0);
	assert_int_equal(by_pid(m, 22)->slot, 1);
}

static void two_models(void **state)
{
	(void)state;
	put_mms();
	PUT(f, 4, 40, ROOT, 0, WORKER_CMD("b"));
	PUT(f, 5, 41, 40, 4, "")->flags = MP_REC_FORKED;
	tick();
	assert_int_equal(mp_meter_tree(m)->n_models, 2);
	assert_true(by_pid(m, 41)->model != by_pid(m, 21)->model);
	assert_int_equal(by_pid(m, 41)->slot, 0);
}

static void ended_totals_stay(void **state)
{
	const struct mp_gone *g = &mp_meter_tree(m)->gone[MP_ROLE_WORKER];

	(void)state;
	put_mms();
	tick();
	assert_int_equal(g->t.run_ns, 0);
	f->r[2].state = MP_REC_ENDED;
	f->r[2].run_ns = 3 * SEC;
	f->r[2].read_bytes = 9999;
	f->r[2].exit_code = 9; /* KILL */
	tick();
	assert_int_equal(g->t.run_ns, 3 * SEC);
	assert_int_equal(g->t.user_ns + g->t.system_ns, 3 * SEC);
	assert_int_equal(g->t.read_bytes, 9999);
	assert_int_equal(g->processes, 1);
	assert_int_equal(g->crashed, 1);
	assert_int_equal(mp_meter_tree(m)->models[0].gone.processes, 1);
	f->r[2].state = MP_REC_FREE;
	tick();
	assert_int_equal(g->processes, 1);
	assert_int_equal(g->t.run_ns, 3 * SEC);
}

static void final_totals_that_are_unknown_are_the_last_known(void **state)
{
	const struct mp_gone *g = &mp_meter_tree(m)->gone[MP_ROLE_WORKER];

	(void)state;
	put_mms();
	f->r[2].syscr = 500;
	tick();
	f->r[2] = (struct mp_rec){.tgid = 21,
				  .ppid = 20,
				  .parent_slot = 1,
				  .start_ns = SEC + 2,
				  .state = MP_REC_ENDED,
				  .flags = MP_REC_FORKED};
	tick();
	assert_int_equal(g->t.run_ns, SEC);
	assert_int_equal(g->t.syscr, 500);
}

static void a_zombie_ends_once(void **state)
{
	const struct mp_gone *g = &mp_meter_tree(m)->gone[MP_ROLE_WORKER];

	(void)state;
	put_mms();
	tick();
	f->r[2].state = MP_REC_ZOMBIE;
	for (int i = 0; i < 3; i++)
		tick();
	assert_null(by_pid(m, 21));
	assert_int_equal(g->processes, 1);
	f->r[2].state = MP_REC_ENDED;
	tick();
	assert_int_equal(g->processes, 1);
	assert_int_equal(g->t.run_ns, SEC);
}

static void born_and_ended_between_two_ticks(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	tick();
	/* a worker, a helper that was exec'd, and a listener with its worker, all at once */
	PUT(f, 4, 50, 20, 1, "")->flags = MP_REC_FORKED;
	PUT(f, 5, 51, 20, 1, "sh\0-c\0true");
	PUT(f, 6, 53, 52, 7, "")->flags = MP_REC_FORKED;
	PUT(f, 7, 52, ROOT, 0, WORKER_CMD("c"));
	for (size_t i = 4; i < 8; i++)
		f->r[i].state = MP_REC_ENDED;
	f->r[7].start_ns = 5 * SEC;
	f->r[6].start_ns = 6 * SEC;
	tick();
	assert_int_equal(t->n, 4);
	assert_int_equal(t->gone[MP_ROLE_WORKER].processes, 3);
	assert_int_equal(t->gone[MP_ROLE_OTHER].processes, 1);
	assert_int_equal(t->processes_created[MP_ROLE_WORKER], 6);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, 3 * SEC);
	assert_int_equal(t->n_models, 2);
	assert_int_equal(t->models[1].gone.processes, 2);
}

static void a_reused_pid_is_another_process(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	tick();
	f->r[2].start_ns = 77 * SEC; /* the same slot and pid */
	f->r[2].run_ns = 5;
	tick();
	assert_int_equal(t->n, 4);
	assert_int_equal(t->gone[MP_ROLE_WORKER].processes, 1);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, SEC);
	assert_int_equal(by_pid(m, 21)->cur.run_ns, 5);
	assert_true(by_pid(m, 21)->fresh);
}

static void exec_takes_another_role_and_leaves_its_totals(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	tick();
	f->r[3].execs = 1;
	f->r[3].flags = 0;
	f->r[3].run_ns = 4 * SEC;
	fake_set_cmd(f, 3, "sh\0-c\0true", 10);
	tick();
	assert_int_equal(by_pid(m, 22)->role, MP_ROLE_OTHER);
	assert_int_equal(by_pid(m, 22)->slot, -1);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, SEC);
	assert_int_equal(t->gone[MP_ROLE_WORKER].processes, 0);
	assert_int_equal(by_pid(m, 22)->base->run_ns, SEC);
	f->r[3].state = MP_REC_ENDED;
	f->r[3].run_ns = 6 * SEC;
	tick();
	assert_int_equal(t->gone[MP_ROLE_OTHER].t.run_ns, 5 * SEC);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, SEC);
}

static void a_fork_of_the_frontend_is_not_counted_before_its_exec(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);
	uint64_t before;

	(void)state;
	put_mms();
	tick();
	before = t->processes_created[MP_ROLE_FRONTEND];
	assert_int_equal(before, 1);
	PUT(f, 4, 60, ROOT, 0, "")->flags = MP_REC_FORKED | MP_REC_VFORK;
	fake_set_cmd(f, 4, "x", 1);
	tick();
	assert_int_equal(t->frontend, ROOT);
	assert_int_equal(t->processes_created[MP_ROLE_FRONTEND], before);
	f->r[4].flags = 0;
	f->r[4].execs = 1;
	fake_set_cmd(f, 4, WORKER_CMD("z"), sizeof(WORKER_CMD("z")) - 1);
	tick();
	assert_int_equal(by_pid(m, 60)->role, MP_ROLE_WORKER);
	assert_int_equal(t->processes_created[MP_ROLE_FRONTEND], before);
	assert_int_equal(t->processes_created[MP_ROLE_WORKER], 4);
}

static void orphans_outlive_their_frontend(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	tick();
	f->r[0].state = MP_REC_ENDED;
	f->r[1].ppid = 1;
	tick();
	/* this process still lives, so the finder, asked for its pid, gives it again: a restart */
	assert_int_equal(t->n, 3);
	assert_int_equal(t->frontend, 0);
	assert_int_equal(by_pid(m, 20)->role, MP_ROLE_WORKER);
	assert_int_equal(by_pid(m, 20)->cur.ppid, 1);
	assert_int_equal(t->gone[MP_ROLE_FRONTEND].processes, 1);
	/* their forks are workers still */
	PUT(f, 4, 24, 20, 1, "")->flags = MP_REC_FORKED;
	tick();
	assert_int_equal(by_pid(m, 24)->role, MP_ROLE_WORKER);
}

static void any_prefork_server(void **state)
{
	(void)state;
	PUT(f, 0, ROOT, 1, -1, "nginx: master")->flags = MP_REC_ROOT;
	PUT(f, 1, 70, ROOT, 0, "")->flags = MP_REC_FORKED;
	fake_set_cmd(f, 1, "nginx: worker", 13);
	PUT(f, 2, 71, ROOT, 0, "helper\0--x");
	PUT(f, 3, 72, 71, 2, "cat");
	tick();
	assert_int_equal(by_pid(m, ROOT)->role, MP_ROLE_FRONTEND);
	for (pid_t pid = 70; pid <= 72; pid++)
		assert_int_equal(by_pid(m, pid)->role, MP_ROLE_WORKER);
	assert_true(by_pid(m, 71)->is_parent);
}

static void a_worker_script_ends_the_prefork_rule(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	PUT(f, 0, ROOT, 1, -1, "my-server")->flags = MP_REC_ROOT;
	PUT(f, 1, 71, ROOT, 0, "helper\0--x");
	tick();
	assert_int_equal(by_pid(m, 71)->role, MP_ROLE_WORKER);
	PUT(f, 2, 72, ROOT, 0, WORKER_CMD("a"));
	tick();
	assert_int_equal(by_pid(m, 71)->role, MP_ROLE_OTHER);
	assert_int_equal(by_pid(m, 72)->role, MP_ROLE_WORKER);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, SEC); /* what it was a worker for */
}

static void a_wrapper_is_no_frontend(void **state)
{
	(void)state;
	PUT(f, 0, ROOT, 1, -1, "bash\0start.sh")->flags = MP_REC_ROOT;
	tick();
	assert_int_equal(by_pid(m, ROOT)->role, MP_ROLE_FRONTEND);
	PUT(f, 1, 80, ROOT, 0, JAVA_CMD);
	PUT(f, 2, 81, 80, 1, WORKER_CMD("a"));
	tick();
	assert_int_equal(by_pid(m, ROOT)->role, MP_ROLE_OTHER);
	assert_int_equal(by_pid(m, 80)->role, MP_ROLE_FRONTEND);
	assert_int_equal(by_pid(m, 81)->role, MP_ROLE_WORKER);
	assert_int_equal(mp_meter_tree(m)->frontend, 80);
	assert_int_equal(mp_meter_tree(m)->root, ROOT);
}

static void a_counter_that_falls_is_kept(void **state)
{
	(void)state;
	put_mms();
	f->r[2].rchar = 100;
	tick();
	f->r[2].run_ns = SEC / 2;
	f->r[2].rchar = 50;
	tick();
	assert_int_equal(by_pid(m, 21)->cur.run_ns, SEC);
	assert_int_equal(by_pid(m, 21)->cur.rchar, 100);
}

static void a_member_the_source_forgot_has_ended(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	tick();
	f->n = 3;
	tick();
	assert_int_equal(t->n, 3);
	assert_int_equal(t->gone[MP_ROLE_WORKER].processes, 1);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, SEC);
}

static void a_record_may_change_its_slot(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);

	(void)state;
	put_mms();
	tick();
	f->r[9] = f->r[3];
	f->r[9].state = MP_REC_ENDED;
	f->r[9].run_ns = 2 * SEC;
	f->r[3].state = MP_REC_FREE;
	f->n = 10;
	tick();
	assert_null(by_pid(m, 22));
	assert_int_equal(t->gone[MP_ROLE_WORKER].processes, 1);
	assert_int_equal(t->gone[MP_ROLE_WORKER].t.run_ns, 2 * SEC);
}

static void another_worker_pattern(void **state)
{
	(void)state;
	mp_meter_free(m);
	m = fake_meter(f, "^gunicorn: worker");
	PUT(f, 0, ROOT, 1, -1, "gunicorn: master")->flags = MP_REC_ROOT;
	PUT(f, 1, 90, ROOT, 0, "gunicorn: worker [app]");
	PUT(f, 2, 91, ROOT, 0, "logger");
	tick();
	assert_int_equal(by_pid(m, 90)->role, MP_ROLE_WORKER);
	assert_int_equal(by_pid(m, 91)->role, MP_ROLE_OTHER);
}

static void storm(void **state)
{
	const struct mp_tree *t = mp_meter_tree(m);
	unsigned seed = 3;
	uint64_t last = 0;

	(void)state;
	/* whatever happens to processes, what the workers' role used in sum never falls */
	put_mms();
	f->n = FAKE_MAX;
	for (int k = 0; k < 3000; k++) {
		uint64_t sum = t->gone[MP_ROLE_WORKER].t.run_ns;

		for (size_t i = 2; i < FAKE_MAX; i++) {
			struct mp_rec *r = &f->r[i];

			if (r->state == MP_REC_ENDED)
				r->state = MP_REC_FREE;
			if (r->state == MP_REC_FREE && rand_r(&seed) % 4 == 0) {
				PUT(f, i, 1000 + (int)i, 20, 1, "")->flags = MP_REC_FORKED;
				r->start_ns = (uint64_t)(k + 2) * SEC;
				r->run_ns = (unsigned)rand_r(&seed) % 100;
			} else if (r->state == MP_REC_LIVE) {
				r->run_ns += (unsigned)rand_r(&seed) % 100;
				if (rand_r(&seed) % 8 == 0)
					r->state = MP_REC_ENDED;
				else if (rand_r(&seed) % 8 == 0) {
					r->flags = 0;
					r->execs++;
					if (rand_r(&seed) % 2)
						fake_set_cmd(f, i, "sh", 2);
					else
						fake_set_cmd(f, i, WORKER_CMD("q"),
							     sizeof(WORKER_CMD("q")) - 1);
				}
			}
		}
		f->n = FAKE_MAX;
		tick();
		sum = t->gone[MP_ROLE_WORKER].t.run_ns;
		for (size_t i = 0; i < t->n; i++)
			if (t->procs[i].role == MP_ROLE_WORKER)
				sum += t->procs[i].cur.run_ns -
				       (t->procs[i].base ? t->procs[i].base->run_ns : 0);
		assert_true(sum >= last);
		last = sum;
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mms_roles),
		T(slots_are_stable_and_reused),
		T(two_models),
		T(ended_totals_stay),
		T(final_totals_that_are_unknown_are_the_last_known),
		T(a_zombie_ends_once),
		T(born_and_ended_between_two_ticks),
		T(a_reused_pid_is_another_process),
		T(exec_takes_another_role_and_leaves_its_totals),
		T(a_fork_of_the_frontend_is_not_counted_before_its_exec),
		T(orphans_outlive_their_frontend),
		T(any_prefork_server),
		T(a_worker_script_ends_the_prefork_rule),
		T(a_wrapper_is_no_frontend),
		T(a_counter_that_falls_is_kept),
		T(a_member_the_source_forgot_has_ended),
		T(a_record_may_change_its_slot),
		T(another_worker_pattern),
		T(storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
