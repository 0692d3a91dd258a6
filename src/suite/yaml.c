// SPDX-License-Identifier: GPL-2.0-only
/*
 * YAML text to a tree with places, from libyaml's events. Bounds: 4 MiB of text, depth 64, 200,000
 * nodes after aliases are expanded (an alias is a copy, so a bomb of aliases ends there). Called by
 * discovery, the server description and the tests; merging and writing are in yaml_tree.c.
 */
#include <mmsperf/yaml.h>

#include <mmsperf/fs.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_BYTES   (4u << 20)
#define MAX_DEPTH   64
#define MAX_NODES   200000
#define MAX_ANCHORS 1000

struct anchor {
	char *name;
	const struct mp_yaml *node; /* owned by the tree */
};

struct reader {
	yaml_parser_t parser;
	const char *name; /* of the file, as the caller wrote it */
	const char *text;
	size_t len;
	struct mp_diag *d;
	struct anchor anchors[MAX_ANCHORS];
	size_t n_anchors, n_nodes;
};

static int complain(struct reader *r, yaml_mark_t at, const char *what, const char *arg)
{
	return mp_diag_set(r->d, -EINVAL, r->name, (int)at.line + 1, (int)at.column + 1, "%s%s%s%s",
			   what, arg ? " '" : "", arg ? arg : "", arg ? "'" : "");
}

/* The reader runs ahead of the parser's marks: the place is counted from the bytes. */
static int reader_fault(struct reader *r, size_t offset)
{
	int line = 1, col = 1;

	for (size_t i = 0; i < offset && i < r->len; i++) {
		if (r->text[i] == '\n') {
			line++;
			col = 1;
		} else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
			col++;
		}
	}
	return mp_diag_set(r->d, -EINVAL, r->name, line, col,
			   "not text in UTF-8 (or a control character): %s",
			   r->parser.problem ? r->parser.problem : "unreadable");
}

/* libyaml's own words, made a person's where they are known to puzzle. */
static int parser_fault(struct reader *r)
{
	static const struct {
		const char *problem, *hint;
	} hints[] = {
		{"mapping values are not allowed",
		 ": a second colon in the line, or none in the line before (KEY: value)"},
		{"did not find expected key", ": the line's indentation does not fit those above"},
		{"tab character that violates", ": indent with spaces"},
	};
	const yaml_parser_t *p = &r->parser;
	const char *hint = "";
	const char *problem = p->problem ? p->problem : "cannot be parsed";

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		return reader_fault(r, p->problem_offset);
	if (strstr(problem, "cannot start any token"))
		problem = "a tab or another character that cannot begin a value here: indent with "
			  "spaces, quote values that begin with @, ` or %";
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (strstr(problem, hints[i].problem))
			hint = hints[i].hint;
	return mp_diag_set(r->d, -EINVAL, r->name, (int)p->problem_mark.line + 1,
			   (int)p->problem_mark.column + 1, "%s%s%s%s", problem,
			   p->context ? ", " : "", p->context ? p->context : "", hint);
}

static struct mp_yaml *new_node(struct reader *r, enum mp_yaml_kind kind, yaml_mark_t at)
{
	struct mp_yaml *y;

	if (++r->n_nodes > MAX_NODES) {
		(void)complain(r, at, "more than 200,000 values (aliases expanded)", NULL);
		errno = EINVAL;
		return NULL;
	}
	y = calloc(1, sizeof(*y));
	if (!y) {
		errno = ENOMEM;
		return NULL;
	}
	y->kind = kind;
	y->line = (int)at.line + 1;
	y->col = (int)at.column + 1;
	return y;
}

static size_t count_nodes(const struct mp_yaml *y)
{
	size_t n = 1;

	for (size_t i = 0; i < y->n; i++)
		n += count_nodes(y->val[i]) + (y->key ? 1 : 0);
	return n;
}

static int remember_anchor(struct reader *r, const char *name, const struct mp_yaml *y,
			   yaml_mark_t at)
{
	char *copy;

	if (!name)
		return 0;
	if (r->n_anchors == MAX_ANCHORS)
		return complain(r, at, "more than 1,000 anchors", NULL);
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	r->anchors[r->n_anchors++] = (struct anchor){.name = copy, .node = y};
	return 0;
}

static int resolve_alias(struct reader *r, const yaml_event_t *ev, struct mp_yaml **ret_y)
{
	const char *name = (const char *)ev->data.alias.anchor;

	/* the latest definition wins; one that is still open would contain itself */
	for (size_t i = r->n_anchors; i-- > 0;) {
		if (strcmp(r->anchors[i].name, name))
			continue;
		if (!r->anchors[i].node)
			return complain(r, ev->start_mark, "an alias inside its own anchor", name);
		r->n_nodes += count_nodes(r->anchors[i].node);
		if (r->n_nodes > MAX_NODES)
			return complain(r, ev->start_mark,
					"more than 200,000 values (aliases expanded)", NULL);
		return mp_yaml_copy(r->anchors[i].node, ret_y);
	}
	return complain(r, ev->start_mark, "no anchor is called", name);
}

static int append(struct mp_yaml *parent, struct mp_yaml *key, struct mp_yaml *val)
{
	struct mp_yaml **bigger;

	if (!(parent->n & (parent->n - 1))) { /* at powers of two: room for as many again */
		size_t cap = parent->n ? parent->n * 2 : 1;

		bigger = reallocarray(parent->val, cap, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		parent->val = bigger;
		if (parent->kind == MP_YAML_MAP) {
			bigger = reallocarray(parent->key, cap, sizeof(*bigger));
			if (!bigger)
				return -ENOMEM;
			parent->key = bigger;
		}
	}
	if (key)
		parent->key[parent->n] = key;
	parent->val[parent->n++] = val;
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *ev, int depth, struct mp_yaml **ret_y);

static int next_event(struct reader *r, yaml_event_t *ret_ev)
{
	return yaml_parser_parse(&r->parser, ret_ev) ? 0 : parser_fault(r);
}

static int check_key(struct reader *r, const struct mp_yaml *map, const struct mp_yaml *key,
		     yaml_mark_t at)
{
	if (key->kind != MP_YAML_SCALAR)
		return complain(r, at, "a key must be plain text", NULL);
	for (size_t i = 0; i < map->n; i++)
		if (!strcmp(map->key[i]->scalar, key->scalar))
			return mp_diag_set(r->d, -EINVAL, r->name, key->line, key->col,
					   "key '%.100s' stands here a second time (first in line "
					   "%d); the earlier one would be lost",
					   key->scalar, map->key[i]->line);
	return 0;
}

/* Children up to the end event; ev is the map's or sequence's start. */
static int read_children(struct reader *r, struct mp_yaml *y, int depth)
{
	for (;;) {
		_cleanup_yaml_ struct mp_yaml *key = NULL, *val = NULL;
		yaml_event_t ev;
		int e = next_event(r, &ev);

		if (e < 0)
			return e;
		if (ev.type == YAML_SEQUENCE_END_EVENT || ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		if (y->kind == MP_YAML_MAP) {
			e = read_node(r, &ev, depth + 1, &key);
			if (!e)
				e = check_key(r, y, key, ev.start_mark);
			yaml_event_delete(&ev);
			if (!e)
				e = next_event(r, &ev);
			if (e < 0)
				return e;
		}
		e = read_node(r, &ev, depth + 1, &val);
		yaml_event_delete(&ev);
		if (!e)
			e = append(y, key, val);
		if (e < 0)
			return e;
		key = val = NULL;
	}
}

/* `<<: *base` (a map or a list of maps): keys that the map does not have itself come from there. */
static int apply_merge_key(struct mp_yaml *y)
{
	_cleanup_yaml_ struct mp_yaml *from = NULL;

	for (size_t i = 0; i < y->n && !from; i++) {
		if (strcmp(y->key[i]->scalar, "<<") != 0 || y->key[i]->quoted)
			continue;
		from = y->val[i];
		mp_yaml_free(y->key[i]);
		y->n--;
		memmove(&y->key[i], &y->key[i + 1], (y->n - i) * sizeof(*y->key));
		memmove(&y->val[i], &y->val[i + 1], (y->n - i) * sizeof(*y->val));
	}
	if (!from)
		return 0;
	for (size_t m = 0; m < (from->kind == MP_YAML_SEQ ? from->n : 1); m++) {
		const struct mp_yaml *map = from->kind == MP_YAML_SEQ ? from->val[m] : from;

		for (size_t i = 0; map->kind == MP_YAML_MAP && i < map->n; i++) {
			_cleanup_yaml_ struct mp_yaml *key = NULL, *val = NULL;
			struct mp_yaml **keys, **vals;
			int e;

			if (mp_yaml_get(y, map->key[i]->scalar))
				continue;
			e = mp_yaml_copy(map->key[i], &key);
			if (!e)
				e = mp_yaml_copy(map->val[i], &val);
			if (e < 0)
				return e;
			keys = reallocarray(y->key, y->n + 1, sizeof(*keys));
			if (!keys)
				return -ENOMEM;
			y->key = keys;
			vals = reallocarray(y->val, y->n + 1, sizeof(*vals));
			if (!vals)
				return -ENOMEM;
			y->val = vals;
			keys[y->n] = TAKE_PTR(key);
			vals[y->n++] = TAKE_PTR(val);
		}
	}
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *ev, int depth, struct mp_yaml **ret_y)
{
	_cleanup_yaml_ struct mp_yaml *y = NULL;
	const char *anchor = NULL;
	size_t slot = r->n_anchors;
	int e;

	if (depth > MAX_DEPTH)
		return complain(r, ev->start_mark, "nested deeper than 64 levels", NULL);
	switch (ev->type) {
	case YAML_ALIAS_EVENT:
		return resolve_alias(r, ev, ret_y);
	case YAML_SCALAR_EVENT:
		y = new_node(r, MP_YAML_SCALAR, ev->start_mark);
		if (!y)
			return -errno;
		if (strlen((const char *)ev->data.scalar.value) != ev->data.scalar.length)
			return complain(r, ev->start_mark, "a NUL character inside a value", NULL);
		y->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		y->scalar = strdup((const char *)ev->data.scalar.value);
		if (!y->scalar)
			return -ENOMEM;
		e = remember_anchor(r, (const char *)ev->data.scalar.anchor, y, ev->start_mark);
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		if (ev->type == YAML_SEQUENCE_START_EVENT)
			anchor = (const char *)ev->data.sequence_start.anchor;
		else
			anchor = (const char *)ev->data.mapping_start.anchor;
		y = new_node(r, ev->type == YAML_SEQUENCE_START_EVENT ? MP_YAML_SEQ : MP_YAML_MAP,
			     ev->start_mark);
		if (!y)
			return -errno;
		e = remember_anchor(r, anchor, NULL, ev->start_mark);
		if (!e)
			e = read_children(r, y, depth);
		if (!e && y->kind == MP_YAML_MAP)
			e = apply_merge_key(y);
		if (!e && anchor)
			r->anchors[slot].node = y;
		break;
	default:
		return complain(r, ev->start_mark, "an unexpected end", NULL);
	}
	if (e < 0)
		return e;
	*ret_y = TAKE_PTR(y);
	return 0;
}

static void set_file(struct mp_yaml *y, const char *file)
{
	y->file = file;
	for (size_t i = 0; i < y->n; i++) {
		if (y->key)
			y->key[i]->file = file;
		set_file(y->val[i], file);
	}
}

static int read_stream(struct reader *r, struct mp_yaml **ret_root)
{
	_cleanup_yaml_ struct mp_yaml *root = NULL;

	for (;;) {
		_cleanup_yaml_ struct mp_yaml *doc = NULL;
		yaml_event_t ev;
		bool content, end;
		int e = next_event(r, &ev);

		if (e < 0)
			return e;
		end = ev.type == YAML_STREAM_END_EVENT;
		content = ev.type == YAML_SCALAR_EVENT || ev.type == YAML_ALIAS_EVENT ||
			  ev.type == YAML_SEQUENCE_START_EVENT ||
			  ev.type == YAML_MAPPING_START_EVENT;
		if (content)
			e = read_node(r, &ev, 0, &doc);
		if (!e && doc && root && (root->kind != MP_YAML_MAP || doc->kind != MP_YAML_MAP))
			e = complain(r, ev.start_mark,
				     "only documents that are maps can follow "
				     "one another in a file",
				     NULL);
		yaml_event_delete(&ev);
		if (e < 0)
			return e;
		if (end)
			break;
		if (!doc)
			continue;
		/* `---` and nothing is no document */
		if (doc->kind == MP_YAML_SCALAR && !doc->quoted && !*doc->scalar)
			continue;
		if (root)
			e = mp_yaml_merge(root, doc);
		else
			root = TAKE_PTR(doc);
		if (e < 0)
			return e;
		/* anchors do not reach into the next document */
		while (r->n_anchors)
			free(r->anchors[--r->n_anchors].name);
	}
	if (!root) {
		root = new_node(r, MP_YAML_MAP, (yaml_mark_t){0});
		if (!root)
			return -errno;
	}
	*ret_root = TAKE_PTR(root);
	return 0;
}

int mp_yaml_parse(const char *text, size_t len, const char *name, struct mp_yaml **ret_root,
		  struct mp_diag *d)
{
	_cleanup_free_ struct reader *r = calloc(1, sizeof(*r));
	_cleanup_yaml_ struct mp_yaml *root = NULL;
	int e;

	if (!r)
		return -ENOMEM;
	if (len > MAX_BYTES)
		return mp_diag_set(d, -EFBIG, name, 0, 0, "larger than 4 MiB");
	r->name = name;
	r->text = text;
	r->len = len;
	r->d = d;
	if (!yaml_parser_initialize(&r->parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
	e = read_stream(r, &root);
	while (r->n_anchors)
		free(r->anchors[--r->n_anchors].name);
	yaml_parser_delete(&r->parser);
	if (e < 0)
		return e;
	root->owned = strdup(name);
	if (!root->owned)
		return -ENOMEM;
	set_file(root, root->owned);
	*ret_root = TAKE_PTR(root);
	return 0;
}

int mp_yaml_read(const char *path, struct mp_yaml **ret_root, struct mp_diag *d)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int e = mp_read_file(path, MAX_BYTES, &text, &len);

	if (e == -EFBIG)
		return mp_diag_set(d, e, path, 0, 0, "larger than 4 MiB");
	if (e < 0)
		return mp_diag_set(d, e, path, 0, 0, "cannot be read: %s", strerror(-e));
	return mp_yaml_parse(text, len, path, ret_root, d);
}
