// SPDX-License-Identifier: GPL-2.0-only
/* What of S3 needs no server: addresses, encoding, XML, lists of files. The rest is e2e's. */
#include "unit/results/scratch.h"

#include "results/runname.h"
#include "results/s3.h"

#include <mmsperf/results.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_encoded(const char *s, bool is_key, const char *want)
{
	_cleanup_buf_ struct mp_buf b = {0};

	mp_s3_encode(&b, s, is_key);
	assert_string_equal(b.s, want);
}

static void encoding(void **state)
{
	(void)state;
	check_encoded("aZ09-._~", true, "aZ09-._~");
	check_encoded("a b/c+d", true, "a%20b/c%2Bd");
	check_encoded("a b/c=d", false, "a%20b%2Fc%3Dd");
	check_encoded("\xc3\xbc%", true, "%C3%BC%25");
}

static void addresses(void **state)
{
	static const char *const good[] = {"s3://abc", "s3://my-bucket/", "s3://a.b.c/x/y"};
	static const char *const bad[] = {"",          "s3://",      "s3://ab",      "s3:///x",
					  "s3://-abc", "http://abc", "s3://a b c/x", "s3://abc?x",
					  "S3://abc"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(mp_s3_is_url(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(mp_s3_is_url(bad[i]));
}

static void set(const char *name, const char *value)
{
	assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void check_opens(const char *url, const char *base, const char *prefix)
{
	_cleanup_s3_ struct mp_s3 *s = NULL;
	struct mp_diag d = {0};

	if (mp_s3_open(url, 1, &s, &d) < 0)
		fail_msg("%s: %s", url, d.msg);
	assert_string_equal(s->base, base);
	assert_string_equal(s->prefix, prefix);
}

static void places(void **state)
{
	struct mp_s3 *s = NULL;
	struct mp_diag d = {0};

	(void)state;
	set("AWS_ENDPOINT_URL_S3", NULL);
	set("AWS_ENDPOINT_URL", NULL);
	set("AWS_REGION", NULL);
	set("AWS_DEFAULT_REGION", NULL);
	set("AWS_SECRET_ACCESS_KEY", "s");
	set("AWS_ACCESS_KEY_ID", NULL);
	assert_int_equal(mp_s3_open("s3://abc", 1, &s, &d), -EACCES);
	assert_non_null(strstr(d.msg, "AWS_ACCESS_KEY_ID is not set"));
	set("AWS_ACCESS_KEY_ID", ""); /* as good as none */
	assert_int_equal(mp_s3_open("s3://abc", 1, &s, &d), -EACCES);
	set("AWS_ACCESS_KEY_ID", "k");
	check_opens("s3://abc", "https://abc.s3.us-east-1.amazonaws.com", "");
	set("AWS_DEFAULT_REGION", "eu-west-1");
	check_opens("s3://abc/", "https://abc.s3.eu-west-1.amazonaws.com", "");
	set("AWS_REGION", "cn-north-1");
	check_opens("s3://abc//x/y//", "https://abc.s3.cn-north-1.amazonaws.com.cn", "x/y/");
	check_opens("s3://a.b/x", "https://s3.cn-north-1.amazonaws.com.cn/a.b", "x/");
	set("AWS_ENDPOINT_URL", "http://127.0.0.1:9/");
	check_opens("s3://abc/x", "http://127.0.0.1:9/abc", "x/");
	set("AWS_ENDPOINT_URL_S3", "https://minio.example:9000");
	check_opens("s3://abc/x", "https://minio.example:9000/abc", "x/");
	set("AWS_ENDPOINT_URL_S3", "minio:9000");
	assert_int_equal(mp_s3_open("s3://abc", 1, &s, &d), -EINVAL);
	assert_null(s);
}

static void errors_in_xml(void **state)
{
	static const char xml[] = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code>"
				  "<Message>a\nb &amp; c</Message></Error>";
	_cleanup_free_ char *code = mp_s3_xml_text(xml, strlen(xml), "Code"),
			    *message = mp_s3_xml_text(xml, strlen(xml), "Message");

	(void)state;
	assert_string_equal(code, "NoSuchKey");
	assert_string_equal(message, "a b & c"); /* one line */
	assert_null(mp_s3_xml_text(xml, strlen(xml), "Other"));
	assert_null(mp_s3_xml_text("no xml", 6, "Code"));
	assert_null(mp_s3_xml_text(NULL, 0, "Code"));
}

static char *make_run(const char *name)
{
	_cleanup_free_ char *out = mp_path_join(scratch, name), *link = NULL;
	_cleanup_(mp_run_done) struct mp_run r = {.out = strdup(out),
						  .env = strdup("e"),
						  .commit = strdup("abc1234"),
						  .started_s = 1000};

	assert_int_equal(mp_store_create(&r, NULL), 0);
	r.tags = calloc(2, sizeof(*r.tags));
	r.tags[r.n_tags++] = strdup("a");
	r.tags[r.n_tags++] = strdup("b");
	assert_int_equal(mp_store_publish(&r, NULL), 0);
	put_file(r.dir, "abc.txt", "abc");
	link = mp_path_join(r.dir, "link");
	assert_int_equal(symlink("/etc/passwd", link), 0);
	return strdup(r.dir);
}

static void lists_of_files(void **state)
{
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0}, back = {0};
	_cleanup_free_ char *dir = make_run("list"), *json = NULL;

	(void)state;
	assert_int_equal(mp_s3_manifest_make(dir, &m, NULL), 0);
	assert_int_equal(m.n, 2); /* links are no files of the run */
	assert_string_equal(m.v[0].path, "abc.txt");
	assert_string_equal(m.v[1].path, "run.json");
	assert_double_equal(m.v[0].size, 3, 0);
	assert_string_equal(m.v[0].md5, "900150983cd24fb0d6963f7d28e17f72");
	assert_string_equal(m.v[0].sha256,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(mp_s3_manifest_write(&m, &json), 0);
	assert_int_equal(mp_s3_manifest_read(json, strlen(json), &back, NULL), 0);
	assert_string_equal(back.row.id, "e__abc1234__1000");
	assert_string_equal(back.row.tags, "a b");
	assert_int_equal(back.n, 2);
	assert_string_equal(back.v[0].sha256, m.v[0].sha256);
}

static void names_that_lists_cannot_hold(void **state)
{
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	_cleanup_free_ char *dir = make_run("bad");
	struct mp_diag d = {0};

	(void)state;
	put_file(dir, "a\x01z", "x");
	assert_int_equal(mp_s3_manifest_make(dir, &m, &d), -EILSEQ);
	assert_non_null(strstr(d.msg, "cannot be stored"));
}

static void lists_that_are_refused(void **state)
{
#define SHA "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	static const char *const bad[] = {
		"",
		"[]",
		"{",
		"{\"schema\": 2, \"files\": []}",
		"{\"schema\": 1}",
		"{\"schema\": 1, \"files\": [{\"path\": \"../x\", \"sha256\": \"" SHA "\"}]}",
		"{\"schema\": 1, \"files\": [{\"path\": \"a/..\", \"sha256\": \"" SHA "\"}]}",
		"{\"schema\": 1, \"files\": [{\"path\": \"/x\", \"sha256\": \"" SHA "\"}]}",
		"{\"schema\": 1, \"files\": [{\"path\": \"x/\", \"sha256\": \"" SHA "\"}]}",
		"{\"schema\": 1, \"files\": [{\"path\": \"x\", \"sha256\": \"12\"}]}",
		"{\"schema\": 1, \"files\": [{\"path\": 7, \"sha256\": \"" SHA "\"}]}",
		"{\"schema\": 1, \"files\": [null]}"};
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (mp_s3_manifest_read(bad[i], strlen(bad[i]), &m, NULL) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
#undef SHA
}

static void parts_of_a_name(void **state)
{
	static const char *const none[] = {
		"",       "x",      "a__b",     "__b__1",
		"a____1", "a__b__", "a__b__1x", "a__b__1234567890123456"};
	struct mp_runname n;

	(void)state;
	assert_true(mp_runname_parse("my_env__abc-dirty__17", &n));
	assert_int_equal(n.env_len, 6);
	assert_int_equal(n.commit_len, 9);
	assert_memory_equal(n.commit, "abc-dirty", 9);
	assert_double_equal(n.epoch_s, 17, 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (mp_runname_parse(none[i], &n) && n.env_len && n.commit_len)
			fail_msg("'%s' was taken for a run's name", none[i]);
}

static void sizes_of_parts(void **state)
{
	const double mib = 1024 * 1024;

	(void)state;
	assert_int_equal(mp_s3_part_size(7 * mib, (size_t)(5 * mib)), (size_t)(5 * mib));
	/* S3 takes 10,000 of them: 5 TB, its largest object, in parts of 477 MiB */
	assert_int_equal(mp_s3_part_size(5e12, (size_t)(64 * mib)), (size_t)(477 * mib));
	assert_true(5e12 / (double)mp_s3_part_size(5e12, (size_t)(64 * mib)) <= 10000);
}

/* Python's hashlib: MD5 of the five MD5s, each of five bytes but the last. */
static void tag_of_parts(void **state)
{
	static const char text[] = "hello, many parts of it";
	static const char tag[] = "87552aee00cd5b743d5b8bd3da673c4e-5";
	_cleanup_free_ char *dir = fresh_dir("parts"), *path = mp_path_join(dir, "f");
	_cleanup_close_ int fd = -1;

	(void)state;
	put_file(dir, "f", text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(mp_s3_is_of_parts(tag, fd, strlen(text), 5), 1);
	assert_int_equal(mp_s3_is_of_parts(tag, fd, strlen(text), 6), 0); /* four parts */
	assert_int_equal(
		mp_s3_is_of_parts("87552aee00cd5b743d5b8bd3da673c4f-5", fd, strlen(text), 5), 0);
	assert_int_equal(mp_s3_is_of_parts("87552aee00cd5b743d5b8bd3da673c4e", fd, strlen(text), 5),
			 0);
	assert_int_equal(mp_s3_is_of_parts(tag, fd, strlen(text) + 1, 5), -EIO); /* cut short */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding),
		cmocka_unit_test(addresses),
		cmocka_unit_test(places),
		cmocka_unit_test(errors_in_xml),
		cmocka_unit_test(lists_of_files),
		cmocka_unit_test(names_that_lists_cannot_hold),
		cmocka_unit_test(lists_that_are_refused),
		cmocka_unit_test(parts_of_a_name),
		cmocka_unit_test(sizes_of_parts),
		cmocka_unit_test(tag_of_parts),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
