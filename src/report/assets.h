/* SPDX-License-Identifier: GPL-2.0-only */
/* The page's style and script as they lie in src/report/assets, and uPlot when the build had it. */
#pragma once

#include <stddef.h>

struct mp_asset {
	const char *data; /* no terminating NUL */
	size_t len;       /* 0: was not there at build time */
};

enum mp_asset_id {
	MP_ASSET_CSS,
	MP_ASSET_SHELL_JS,
	MP_ASSET_PLAN_JS,
	MP_ASSET_CHARTS_JS,
	MP_ASSET_PAGE_JS,
	MP_ASSET_COMPARE_JS,
	MP_ASSET_HISTORY_JS,
	MP_ASSET_UPLOT_CSS,
	MP_ASSET_UPLOT_JS,
	_MP_ASSET_MAX,
};

struct mp_asset mp_asset_get(enum mp_asset_id id);
