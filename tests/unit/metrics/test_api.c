// SPDX-License-Identifier: GPL-2.0-only
/* The management API: real answers, broken ones, and a small server that plays the real one. */
#include "unit.h"

#include "metrics/api.h"

#include <mmsperf/clock.h>
#include <mmsperf/str.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKER(id, status)                                                                         \
	"{\"id\": \"" id "\", \"startTime\": \"2026-11-24T08:57:45.256Z\", \"status\": \"" status  \
	"\", \"gpu\": false, \"memoryUsage\": 0}"
#define MODEL(workers)                                                                               \
	"{\"modelName\": \"digits\", \"modelVersion\": \"1.0\", \"minWorkers\": 2, \"maxWorkers\": " \
	"2, \"batchSize\": 1, \"workers\": [" workers "]}"
#define LIST "{\"models\": [{\"modelName\": \"digits\", \"modelUrl\": \"digits\"}]}"

static void answers(void **state)
{
	static struct mp_api_model m[MP_API_MODELS];
	static const char more[] = "{\"nextPageToken\": \"100\", \"models\": [{\"modelName\": "
				   "\"a\"}, {\"modelName\": \"b\"}, {\"x\": 1}, 7]}";
	static const char two[] =
		MODEL(WORKER("9000-0", "READY") "," WORKER("9001-0", "UNLOADING"));
	static const char versions[] = "[" MODEL(WORKER("9000", "READY")) "]";
	char *next = NULL;
	unsigned ready = 7;
	size_t n = 0;

	(void)state;
	assert_int_equal(mp_api_parse_list(LIST, strlen(LIST), m, &n, &next), 0);
	assert_int_equal(n, 1);
	assert_string_equal(m[0].name, "digits");
	assert_null(next);
	assert_int_equal(mp_api_parse_list(more, strlen(more), m, &n, &next), 0);
	assert_int_equal(n, 3); /* appended; what has no name is left out */
	assert_string_equal(next, "100");
	free(next);
	assert_int_equal(mp_api_parse_model(two, strlen(two), &ready), 0);
	assert_int_equal(ready, 1);
	assert_int_equal(mp_api_parse_model(versions, strlen(versions), &ready), 0);
	assert_int_equal(ready, 1); /* TorchServe */
	ready = 7;
	assert_int_equal(mp_api_parse_model("", 0, &ready), -EINVAL);
	assert_int_equal(mp_api_parse_model("[]", 2, &ready), -EINVAL);
	assert_int_equal(mp_api_parse_model("{\"workers\": 5}", 14, &ready), -EINVAL);
	assert_int_equal(mp_api_parse_list("<html>", 6, m, &n, &next), -EINVAL);
	assert_int_equal(mp_api_parse_list("{}", 2, m, &n, &next), -EINVAL);
	assert_int_equal(ready, 7);
	assert_int_equal(n, 3);
}

static void too_many_models(void **state)
{
	static struct mp_api_model m[MP_API_MODELS];
	_cleanup_buf_ struct mp_buf b = {0};
	char *next = NULL;
	size_t n = 0;

	(void)state;
	mp_buf_puts(&b, "{\"models\": [{\"modelName\": \"m0\"}");
	for (int i = 1; i <= MP_API_MODELS; i++)
		mp_buf_printf(&b, ", {\"modelName\": \"m%d\"}", i);
	mp_buf_puts(&b, "]}");
	assert_int_equal(mp_api_parse_list(b.s, b.len, m, &n, &next), -ENOSPC);
	assert_int_equal(n, MP_API_MODELS);
}

static void configuration(void **state)
{
	static const struct {
		const char *text, *address;
	} files[] = {
		{"inference_address=http://127.0.0.1:8080\nmanagement_address=http://127.0.0.1:8081\n",
		 "http://127.0.0.1:8081"},
		{"# management_address=x\n  management_address = http://h:1/ \r\n", "http://h:1"},
		{"management_address=", NULL},
		{"management_addresses=http://x\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char *a = mp_api_config_address(files[i].text);

		if (files[i].address) {
			assert_non_null(a);
			assert_string_equal(a, files[i].address);
		} else {
			assert_null(a);
		}
		free(a);
	}
}

/* --- against a server that plays it -------------------------------------------------------------
 */

static int listener = -1;
static pid_t player;
static char url[64];

/* One answer a connection; the model's answer is READY for both workers. */
static void play(const char *model)
{
	char q[2048], a[2048];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int c = accept(listener, NULL, NULL);
		ssize_t n = c < 0 ? -1 : read(c, q, sizeof(q) - 1);
		const char *body;

		if (n <= 0)
			_exit(1);
		q[n] = '\0';
		body = strstr(q, "GET /models?") == q ? LIST : model;
		(void)snprintf(a, sizeof(a),
			       "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
			       "content-length: %zu\r\nconnection: close\r\n\r\n%s",
			       strlen(body), body);
		if (write(c, a, strlen(a)) < 0)
			_exit(1);
		(void)close(c);
	}
}

static void open_listener(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(sa.sin_port));
}

static void start_playing(const char *model)
{
	assert_int_equal(listen(listener, 8), 0);
	player = fork();
	if (player == 0)
		play(model);
	assert_true(player > 0);
}

static void stop_playing(void)
{
	if (player > 0) {
		(void)kill(player, SIGKILL);
		(void)waitpid(player, NULL, 0);
	}
	player = 0;
	(void)close(listener);
}

static struct mp_proc procs[1];
static struct mp_model models[1];
static struct mp_tree tree;
static struct mp_server server;
static struct mp_value v[_MP_XM_MAX];

static void update(void *api, double s)
{
	memset(v, 0, sizeof(v));
	server.now_ns += (uint64_t)(s * 1e9);
	mp_api_reader.update(api, &server, v);
}

/* Until a metric is there; the transfers take real time, the polls' pace is the server's clock. */
static bool wait_for(void *api, int metric)
{
	for (int i = 0; i < 500; i++) {
		update(api, 0.001);
		if (v[metric].valid)
			return true;
		(void)poll(NULL, 0, 10);
	}
	return false;
}

static void prepare(void)
{
	models[0] = (struct mp_model){.name = (char *)"Digits"};
	procs[0] = (struct mp_proc){.role = MP_ROLE_WORKER, .model = 0};
	tree = (struct mp_tree){.procs = procs, .n = 1, .models = models, .n_models = 1};
	server = (struct mp_server){.tree = &tree,
				    .pid = getpid(),
				    .start_ns = mp_boot_ns(),
				    .cmd = "",
				    .now_ns = mp_now_ns()};
}

static void ready_without_a_process(void **state)
{
	struct mp_context_opts opts = {.management = url};
	struct mp_context *c;
	void *api;

	(void)state;
	prepare();
	open_listener();
	assert_int_equal(mp_context_new(&opts, &c), 0);
	assert_int_equal(mp_api_reader.open(c, &api), 0);
	/* nobody listens yet */
	update(api, 0.1);
	for (int i = 0; i < 50 && !mp_api_reader.why(api, MP_XM_API_READY); i++) {
		(void)poll(NULL, 0, 10);
		update(api, 0.1);
	}
	assert_non_null(mp_api_reader.why(api, MP_XM_API_READY));
	assert_non_null(strstr(mp_api_reader.why(api, MP_XM_API_READY), "does not answer"));
	start_playing(MODEL(WORKER("9000-0", "READY") "," WORKER("9001-0", "READY")));
	update(api, 0.1);
	assert_true(wait_for(api, MP_XM_API_READY));
	assert_double_equal(v[MP_XM_API_READY].v, 2, 0);
	assert_double_equal(v[MP_XM_API_MODELS].v, 1, 0);
	assert_double_equal(v[MP_XM_API_MISSING].v, 0, 0); /* one poll alone proves nothing */
	assert_true(v[MP_XM_API_TTR].valid); /* it was refused before, so its start was seen */
	assert_true(v[MP_XM_API_TTR].v > 0 && v[MP_XM_API_TTR].v < 60);
	for (int i = 0; i < 500 && v[MP_XM_API_MISSING].v != 1; i++) {
		update(api, i ? 0.001 : 6);
		(void)poll(NULL, 0, 10);
	}
	assert_double_equal(v[MP_XM_API_MISSING].v, 1, 0); /* two READY, one process */
	assert_double_equal(mp_api_get(api, MP_XM_API_MISSING, "DIGITS").v, 1, 0);
	assert_false(mp_api_get(api, MP_XM_API_READY, "other").valid);
	server.pid = 0;
	update(api, 1);
	assert_false(v[MP_XM_API_READY].valid);
	stop_playing();
	mp_api_reader.free(api);
	mp_context_free(c);
}

static void not_an_api(void **state)
{
	struct mp_context_opts opts = {.management = url};
	struct mp_context *c;
	void *api;

	(void)state;
	prepare();
	open_listener();
	server.start_ns = 1;
	start_playing("<html>");
	assert_int_equal(mp_context_new(&opts, &c), 0);
	assert_int_equal(mp_api_reader.open(c, &api), 0);
	for (int i = 0; i < 100; i++) {
		update(api, 0.001);
		(void)poll(NULL, 0, 2);
		assert_false(v[MP_XM_API_READY].valid);
	}
	/* it was there, and old, at the first look: when it became ready was not seen */
	assert_non_null(strstr(mp_api_reader.why(api, MP_XM_API_TTR), "before it was watched"));
	stop_playing();
	mp_api_reader.free(api);
	mp_context_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),       cmocka_unit_test(too_many_models),
		cmocka_unit_test(configuration), cmocka_unit_test(ready_without_a_process),
		cmocka_unit_test(not_an_api),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
