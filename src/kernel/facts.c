// SPDX-License-Identifier: GPL-2.0-only
/* Looks the facts of features.c up in the running kernel's BTF. Called by loader.c. */
#include "kernel/features.h"

#include <errno.h>

#ifdef MP_NO_BPF

int mp_features_gather(struct mp_facts *ret_facts)
{
	(void)ret_facts;
	return -ENOSYS;
}

const char *mp_features_libbpf(void)
{
	return NULL;
}

#else

#include <mmsperf/cleanup.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>

static void free_btf(struct btf **btf)
{
	btf__free(*btf);
}

static bool has_kind(const struct btf *btf, const char *name, unsigned kind)
{
	return btf__find_by_name_kind(btf, name, kind) > 0;
}

/* "struct.field" or "enum.value". */
static bool has_member(const struct btf *btf, const char *name, unsigned kind)
{
	const char *dot = strchr(name, '.');
	const struct btf_type *t;
	char type[64];
	int id;

	if (!dot || (size_t)(dot - name) >= sizeof(type))
		return false;
	memcpy(type, name, (size_t)(dot - name));
	type[dot - name] = '\0';
	id = btf__find_by_name_kind(btf, type, kind);
	t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
	for (int i = 0; t && i < btf_vlen(t); i++) {
		__u32 at = kind == BTF_KIND_ENUM ? btf_enum(t)[i].name_off
						 : btf_members(t)[i].name_off;

		if (!strcmp(btf__name_by_offset(btf, at), dot + 1))
			return true;
	}
	return false;
}

/* The typedef leads to a pointer to the tracepoint's function; NULL: none such. */
static const struct btf_type *tracepoint_proto(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (int i = 0; t && i < 2 && (btf_is_typedef(t) || btf_is_ptr(t)); i++)
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_func_proto(t) ? t : NULL;
}

/* Its first parameter is the probe's own data, the tracepoint's arguments follow. */
static bool has_argument(const struct btf *btf, const char *name, int n, bool pointer)
{
	const struct btf_type *t = tracepoint_proto(btf, name);

	if (!t || btf_vlen(t) <= n)
		return false;
	t = btf__type_by_id(btf, btf_params(t)[n].type);
	return !pointer || (t && btf_is_ptr(t));
}

static bool is_there(const struct btf *btf, const struct mp_fact_row *row)
{
	if (!strcmp(row->btf_kind, "func"))
		return has_kind(btf, row->btf_name, BTF_KIND_FUNC);
	if (!strcmp(row->btf_kind, "field"))
		return has_member(btf, row->btf_name, BTF_KIND_STRUCT);
	if (!strcmp(row->btf_kind, "value"))
		return has_member(btf, row->btf_name, BTF_KIND_ENUM);
	if (!strcmp(row->btf_kind, "pointer"))
		return has_argument(btf, row->btf_name, 1, true);
	if (!strcmp(row->btf_kind, "second"))
		return has_argument(btf, row->btf_name, 2, false);
	return has_kind(btf, row->btf_name, BTF_KIND_TYPEDEF);
}

const char *mp_features_libbpf(void)
{
	return libbpf_version_string();
}

int mp_features_gather(struct mp_facts *ret_facts)
{
	_cleanup_(free_btf) struct btf *btf = btf__load_vmlinux_btf();
	struct mp_facts f = {0};

	if (libbpf_get_error(btf)) {
		btf = NULL;
		*ret_facts = f;
		return 0;
	}
	f.has[MP_FACT_BTF] = true;
	for (size_t i = 0; i < _MP_FACT_MAX; i++)
		if (mp_fact_rows[i].btf_name)
			f.has[i] = is_there(btf, &mp_fact_rows[i]);
	*ret_facts = f;
	return 0;
}

#endif
