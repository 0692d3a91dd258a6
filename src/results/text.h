/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of foreign origin (labels, messages, paths) made fit for JSON, XML and HTML. */
#pragma once

#include <stdbool.h>

/*
 * A copy the caller frees (NULL: out of memory): valid UTF-8, what is none becomes U+FFFD. With
 * visible_controls also printable: control characters (but for TAB and newline) and the code
 * points XML forbids become \xNN or U+FFFD, since XML 1.0 cannot hold them even as references.
 */
char *mp_text_clean(const char *s, bool visible_controls);
