/* SPDX-License-Identifier: GPL-2.0-only */
/* What every cmocka program includes, in the order cmocka asks for. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mmsperf/cleanup.h>

/* cmocka 1.1's assert_float_equal works in float. NaN never equals. */
#define assert_double_equal(a, b, eps)                                                             \
	do {                                                                                       \
		double _a = (a), _b = (b);                                                         \
		if (!(_a - _b <= (eps) && _b - _a <= (eps))) {                                     \
			print_error("%s = %.17g, expected %.17g\n", #a, _a, _b);                   \
			fail();                                                                    \
		}                                                                                  \
	} while (0)
