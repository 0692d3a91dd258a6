// SPDX-License-Identifier: GPL-2.0-only
/* sinks/protocol.c: the same commands come out however the bytes are cut into reads. */
#include "fuzz.h"

#include "sinks/protocol.h"

/* A digest of all commands that data gives when it comes in pieces of `step` bytes. */
static uint64_t digest(const uint8_t *data, size_t size, size_t step)
{
	struct mp_proto_parser p = {0};
	struct mp_proto_cmd c;
	uint64_t sum = 0;

	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		if (mp_proto_put(&p, (const char *)data + at, n) < 0)
			abort();
		while (mp_proto_next(&p, &c) > 0) {
			sum = sum * 31 + c.type + c.n_names;
			for (size_t i = 0; i < c.n_names; i++)
				sum = sum * 31 + strlen(c.names[i]);
			if (c.type == MP_PROTO_BAD && !c.error)
				abort();
			if (c.type == MP_PROTO_INTERVAL &&
			    !(c.interval_s >= MP_PROTO_INTERVAL_MIN_S &&
			      c.interval_s <= MP_PROTO_INTERVAL_MAX_S))
				abort();
		}
	}
	mp_proto_done(&p);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && digest(data, size, size) != digest(data, size, 1 + size / 7))
		abort();
	return 0;
}
