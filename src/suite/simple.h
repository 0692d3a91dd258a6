/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Simple suites: a YAML of our own that says what to load and what to expect, and hides Taurus.
 * Parsed into one structure (simple.c, simple_steps.c, expect.c), written as Taurus YAML
 * (simple_emit.c, simple_jmx.c); steps.c runs what stands before and after the load, expect_eval.c
 * judges what Taurus cannot.
 */
#pragma once

#include <mmsperf/suite.h>

#include "suite/expect.h"
#include "suite/plan.h"

struct mp_simple_model {
	char *name, *url;     /* url: what the server loads, by default the name */
	long workers;         /* 1 unless the suite says more */
	long batch;           /* 0: not given, the server decides */
	double batch_delay_s; /* NaN: not given */
};

enum mp_step_kind {
	MP_STEP_START_SERVER, /* a fresh one where it is ours to start; done before recording */
	MP_STEP_REGISTER,
	MP_STEP_SCALE,
	MP_STEP_WAIT_READY,
	MP_STEP_UNREGISTER,
	MP_STEP_COMMAND,
	_MP_STEP_MAX
};

struct mp_step {
	enum mp_step_kind kind;
	char *name;  /* what `after NAME` refers to; unique in its suite */
	char *model; /* NULL: every model of the suite */
	long workers;
	char **argv; /* command: NULL-terminated */
	double timeout_s;
	const char *file; /* borrowed from the YAML tree */
	int line, col;
};

struct mp_steps {
	struct mp_step *v;
	size_t n;
};

struct mp_pair {
	char *name, *value;
};

struct mp_request {
	char *label, *method, *path;
	char *body, *body_file; /* at most one; body_file absolute */
	char *answer;           /* a text that a right answer contains; NULL: any */
	struct mp_pair *headers;
	size_t n_headers;
};

struct mp_simple_load {
	char *engine; /* Taurus' executor */
	char *script; /* absolute; NULL: requests */
	struct mp_request *requests;
	size_t n_requests;
	long concurrency;
	double duration_s, ramp_s, think_s;
	double rate; /* requests a second, open loop; 0: closed loop of `concurrency` users */
	struct mp_pair *properties, *hosts; /* hosts: name only */
	size_t n_properties, n_hosts;
};

/* An agent on another machine (or of another server here): criteria call it LABEL/metric. */
struct mp_monitor {
	char *label, *address;
};

struct mp_simple {
	char *title;    /* NULL: none */
	char *protocol; /* of the server under load */
	char *host;
	int port;
	char *management; /* URL of its management API, without a slash at its end */
	bool own_address; /* the suite says it, so that no global config may say another */
	const struct mp_yaml *server; /* how to start one, borrowed from the suite's tree; NULL */
	struct mp_simple_model *models;
	size_t n_models;
	struct mp_simple_load load;
	struct mp_steps setup, cleanup;
	struct mp_expect *expects;
	size_t n_expects;
	struct mp_monitor *monitors;
	size_t n_monitors;
	double settle_s; /* how long a value after a step may take to become what is expected */
};

/* True for a tree with a top-level key of ours (load, suite) and no `execution`. */
bool mp_simple_is(const struct mp_yaml *doc);
/*
 * Reads s->doc, whose variables s->env_doc and s->global_doc define. Relative files are sought
 * beside the suite, then in the current folder. hold_cap_s > 0 bounds the duration. -EINVAL with d
 * filled: file, line, column and what was expected.
 */
int mp_simple_parse(const struct mp_suite *s, double hold_cap_s, struct mp_simple **ret_simple,
		    struct mp_diag *d);
void mp_simple_free(struct mp_simple *m);
void mp_simple_freep(struct mp_simple **m);
/*
 * Case i of the suite's matrix: reads s->doc, replaces it by its Taurus form, names the case.
 * *ret_cases is set as soon as it is known. -EINVAL with s->diag filled.
 */
int mp_simple_compile(struct mp_suite *s, size_t i, size_t *ret_cases);
/* Name of the generated JMeter plan in the suite's artifacts, beside taurus.yaml. */
#define MP_OPEN_LOOP_JMX "open-loop.jmx"
/* The suite as Taurus YAML. script: path of its JMX where it has one (open loop), else NULL. */
int mp_simple_emit(const struct mp_simple *m, const char *made_from, const char *script,
		   char **ret_text, size_t *ret_len);
/* The open-loop load as a JMeter plan. Only for m->load.rate > 0. */
int mp_simple_jmx(const struct mp_simple *m, char **ret_text, size_t *ret_len);
/* What the suite itself says wins over the global config: the server's address and description. */
int mp_simple_apply(const struct mp_simple *m, struct mp_plan *p);
/* True when Taurus itself can judge it; else expect_eval.c does. */
bool mp_expect_is_criterion(const struct mp_expect *e);

/* simple_load.c: what is under `load`. */
struct mp_rd;
int mp_simple_read_load(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple_load *l);
/* simple_steps.c: the lists under `setup` and `cleanup`, or what they are when absent. */
int mp_simple_read_steps(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple *m);
void mp_steps_free(struct mp_steps *s);

/* The cases of `matrix`, the first varying slowest; n is 1 without one. */
struct mp_matrix {
	char **suffix; /* "[workers=2,batch=4]", "" without a matrix; n of them */
	size_t n;
};
#define MP_MATRIX_MAX 256
int mp_matrix_read(const struct mp_yaml *doc, struct mp_matrix *ret_m, struct mp_diag *d);
/* Puts the values of case i of a matrix that was read into the tree. */
int mp_matrix_apply(struct mp_yaml *doc, size_t i);
void mp_matrix_done(struct mp_matrix *m);
