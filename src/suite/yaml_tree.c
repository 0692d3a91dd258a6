// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done with a YAML tree once it is read: look-ups, copies, merging as bzt merges its
 * configuration files, and writing. Owns no file. Called by discovery, plan, rewrite and server.
 */
#include <mmsperf/yaml.h>

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

void mp_yaml_free(struct mp_yaml *y)
{
	if (!y)
		return;
	for (size_t i = 0; i < y->n; i++) {
		if (y->key)
			mp_yaml_free(y->key[i]);
		mp_yaml_free(y->val[i]);
	}
	free(y->key);
	free(y->val);
	free(y->scalar);
	free(y->owned);
	free(y);
}

void mp_yaml_freep(struct mp_yaml **y)
{
	mp_yaml_free(*y);
}

static size_t find_key(const struct mp_yaml *map, const char *key)
{
	size_t i = 0;

	while (i < map->n && strcmp(map->key[i]->scalar, key) != 0)
		i++;
	return i;
}

const struct mp_yaml *mp_yaml_get(const struct mp_yaml *map, const char *key)
{
	size_t i;

	if (!map || map->kind != MP_YAML_MAP)
		return NULL;
	i = find_key(map, key);
	return i < map->n ? map->val[i] : NULL;
}

const struct mp_yaml *mp_yaml_path(const struct mp_yaml *root, const char *path)
{
	char key[256];

	while (root && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		root = mp_yaml_get(root, key);
		path += len;
		path += *path == '.';
	}
	return root;
}

const char *mp_yaml_str(const struct mp_yaml *y)
{
	return y && y->kind == MP_YAML_SCALAR ? y->scalar : NULL;
}

bool mp_yaml_truth(const struct mp_yaml *y, bool fallback)
{
	static const char *const no[] = {"false", "no", "off", "null", "~"};
	double v;

	if (!y)
		return fallback;
	if (y->kind != MP_YAML_SCALAR)
		return y->n > 0;
	if (!*y->scalar)
		return false;
	if (y->quoted)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (!strcasecmp(y->scalar, no[i]))
			return false;
	return mp_parse_double(y->scalar, &v) < 0 || v != 0;
}

static struct mp_yaml *shallow(const struct mp_yaml *y)
{
	struct mp_yaml *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->kind = y->kind;
	c->line = y->line;
	c->col = y->col;
	c->file = y->file;
	c->quoted = y->quoted;
	return c;
}

int mp_yaml_copy(const struct mp_yaml *y, struct mp_yaml **ret_copy)
{
	_cleanup_yaml_ struct mp_yaml *c = shallow(y);

	if (!c)
		return -ENOMEM;
	if (y->scalar) {
		c->scalar = strdup(y->scalar);
		if (!c->scalar)
			return -ENOMEM;
	}
	if (y->n) {
		c->val = calloc(y->n, sizeof(struct mp_yaml *));
		c->key = y->key ? calloc(y->n, sizeof(struct mp_yaml *)) : NULL;
		if (!c->val || (y->key && !c->key))
			return -ENOMEM;
	}
	for (size_t i = 0; i < y->n; i++) {
		_cleanup_yaml_ struct mp_yaml *key = NULL;
		int r = y->key ? mp_yaml_copy(y->key[i], &key) : 0;

		if (!r)
			r = mp_yaml_copy(y->val[i], &c->val[i]);
		if (r < 0)
			return r;
		if (c->key)
			c->key[i] = TAKE_PTR(key);
		c->n = i + 1;
	}
	*ret_copy = TAKE_PTR(c);
	return 0;
}

int mp_yaml_new_scalar(const char *text, bool quoted, struct mp_yaml **ret_y)
{
	_cleanup_yaml_ struct mp_yaml *y = calloc(1, sizeof(*y));

	if (!y)
		return -ENOMEM;
	y->kind = MP_YAML_SCALAR;
	y->quoted = quoted;
	y->scalar = strdup(text);
	if (!y->scalar)
		return -ENOMEM;
	*ret_y = TAKE_PTR(y);
	return 0;
}

static void drop_entry(struct mp_yaml *map, size_t i)
{
	mp_yaml_free(map->key[i]);
	mp_yaml_free(map->val[i]);
	memmove(&map->key[i], &map->key[i + 1], (map->n - i - 1) * sizeof(map->key[0]));
	memmove(&map->val[i], &map->val[i + 1], (map->n - i - 1) * sizeof(map->val[0]));
	map->n--;
}

/* Takes key and val over, also when it fails. */
static int push(struct mp_yaml *y, struct mp_yaml *key, struct mp_yaml *val)
{
	struct mp_yaml **vals, **keys = NULL;

	vals = reallocarray(y->val, y->n + 1, sizeof(*vals));
	if (vals)
		y->val = vals;
	if (y->kind == MP_YAML_MAP) {
		keys = reallocarray(y->key, y->n + 1, sizeof(*keys));
		if (keys)
			y->key = keys;
	}
	if (!vals || (y->kind == MP_YAML_MAP && !keys)) {
		mp_yaml_free(key);
		mp_yaml_free(val);
		return -ENOMEM;
	}
	if (keys)
		y->key[y->n] = key;
	y->val[y->n++] = val;
	return 0;
}

static int set_key(struct mp_yaml *map, const struct mp_yaml *key_like, const char *name,
		   struct mp_yaml *val)
{
	size_t i = find_key(map, name);
	struct mp_yaml *key;
	int r;

	if (i < map->n) {
		mp_yaml_free(map->val[i]);
		map->val[i] = val;
		return 0;
	}
	r = mp_yaml_new_scalar(name, key_like->quoted, &key);
	if (r < 0) {
		mp_yaml_free(val);
		return r;
	}
	key->line = key_like->line;
	key->col = key_like->col;
	key->file = key_like->file;
	return push(map, key, val);
}

int mp_yaml_set(struct mp_yaml *map, const struct mp_yaml *key, const struct mp_yaml *val)
{
	struct mp_yaml *copy;
	int r = mp_yaml_copy(val, &copy);

	return r < 0 ? r : set_key(map, key, key->scalar, copy);
}

static int merge_items(struct mp_yaml *dst, const struct mp_yaml *src, bool by_position)
{
	for (size_t i = 0; i < src->n; i++) {
		struct mp_yaml *copy;
		int r;

		if (by_position && i < dst->n && dst->val[i]->kind == MP_YAML_MAP &&
		    src->val[i]->kind == MP_YAML_MAP) {
			r = mp_yaml_merge(dst->val[i], src->val[i]);
			if (r < 0)
				return r;
			continue;
		}
		r = mp_yaml_copy(src->val[i], &copy);
		if (r < 0)
			return r;
		if (by_position && i < dst->n) {
			mp_yaml_free(dst->val[i]);
			dst->val[i] = copy;
			continue;
		}
		r = push(dst, NULL, copy);
		if (r < 0)
			return r;
	}
	return 0;
}

int mp_yaml_merge(struct mp_yaml *dst, const struct mp_yaml *src)
{
	if (dst->kind != MP_YAML_MAP || src->kind != MP_YAML_MAP)
		return -EINVAL;
	for (size_t i = 0; i < src->n; i++) {
		const char *name = src->key[i]->scalar;
		char prefix = strchr("^~$", *name) && *name ? *name++ : '\0';
		const struct mp_yaml *from = src->val[i];
		size_t at = find_key(dst, name);
		struct mp_yaml *fresh;
		int r;

		if (at < dst->n && (prefix == '^' || prefix == '~'))
			drop_entry(dst, at);
		if (prefix == '^')
			continue;
		at = find_key(dst, name);
		if (at < dst->n && dst->val[at]->kind == from->kind && from->kind == MP_YAML_MAP) {
			r = mp_yaml_merge(dst->val[at], from);
			if (r < 0)
				return r;
			continue;
		}
		if (at < dst->n && dst->val[at]->kind == from->kind && from->kind == MP_YAML_SEQ) {
			r = merge_items(dst->val[at], from, prefix == '$');
			if (r < 0)
				return r;
			continue;
		}
		if (from->kind == MP_YAML_MAP) { /* also resolves prefixes below a new key */
			fresh = shallow(from);
			r = fresh ? mp_yaml_merge(fresh, from) : -ENOMEM;
			if (r < 0) {
				mp_yaml_free(fresh);
				return r;
			}
		} else {
			r = mp_yaml_copy(from, &fresh);
			if (r < 0)
				return r;
		}
		r = set_key(dst, src->key[i], name, fresh);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_text(void *data, unsigned char *bytes, size_t len)
{
	struct mp_buf *b = data;

	mp_buf_append(b, (const char *)bytes, len);
	return !b->failed;
}

static int emit(yaml_emitter_t *em, yaml_event_t *ev)
{
	return yaml_emitter_emit(em, ev) ? 0 : -ENOMEM; /* the only error a valid tree can give */
}

static int emit_node(yaml_emitter_t *em, const struct mp_yaml *y)
{
	yaml_event_t ev;
	int ok, r = 0;

	if (y->kind == MP_YAML_SCALAR) {
		ok = yaml_scalar_event_initialize(
			&ev, NULL, NULL, (yaml_char_t *)y->scalar, (int)strlen(y->scalar), 1, 1,
			y->quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
		return ok ? emit(em, &ev) : -ENOMEM;
	}
	if (y->kind == MP_YAML_SEQ)
		ok = yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1,
							  YAML_BLOCK_SEQUENCE_STYLE);
	else
		ok = yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1,
							 YAML_BLOCK_MAPPING_STYLE);
	if (!ok)
		return -ENOMEM;
	r = emit(em, &ev);
	for (size_t i = 0; !r && i < y->n; i++) {
		if (y->key)
			r = emit_node(em, y->key[i]);
		if (!r)
			r = emit_node(em, y->val[i]);
	}
	if (r < 0)
		return r;
	ok = y->kind == MP_YAML_SEQ ? yaml_sequence_end_event_initialize(&ev)
				    : yaml_mapping_end_event_initialize(&ev);
	return ok ? emit(em, &ev) : -ENOMEM;
}

int mp_yaml_dump(const struct mp_yaml *y, char **ret_text, size_t *ret_len)
{
	_cleanup_buf_ struct mp_buf b = {0};
	yaml_emitter_t em;
	yaml_event_t ev;
	int r;

	if (!yaml_emitter_initialize(&em))
		return -ENOMEM;
	yaml_emitter_set_output(&em, append_text, &b);
	yaml_emitter_set_unicode(&em, 1);
	yaml_emitter_set_width(&em, -1);
	r = yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING) ? emit(&em, &ev) : -ENOMEM;
	if (!r)
		r = yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1) ? emit(&em, &ev)
										   : -ENOMEM;
	if (!r)
		r = emit_node(&em, y);
	if (!r)
		r = yaml_document_end_event_initialize(&ev, 1) ? emit(&em, &ev) : -ENOMEM;
	if (!r)
		r = yaml_stream_end_event_initialize(&ev) ? emit(&em, &ev) : -ENOMEM;
	if (!r && !yaml_emitter_flush(&em))
		r = -ENOMEM;
	yaml_emitter_delete(&em);
	if (r < 0 || b.failed)
		return r < 0 ? r : -ENOMEM;
	*ret_len = b.len;
	*ret_text = TAKE_PTR(b.s);
	return 0;
}
