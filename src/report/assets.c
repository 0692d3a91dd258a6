// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page's files inside the program, so that one binary writes whole pages. The assembler reads
 * them (.incbin) relative to the folder make runs in; assets.mk has the dependencies.
 */
#include "report/assets.h"

#include <mmsperf/cleanup.h>

#define EMBED(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
		".global mp_asset_" #symbol "\n"                                                   \
		".global mp_asset_" #symbol "_end\n"                                               \
		"mp_asset_" #symbol ":\n"                                                          \
		".incbin \"" file "\"\n"                                                           \
		"mp_asset_" #symbol "_end:\n"                                                      \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char mp_asset_##symbol[], mp_asset_##symbol##_end[]

EMBED(css, "src/report/assets/page.css");
EMBED(shell_js, "src/report/assets/shell.js");
EMBED(plan_js, "src/report/assets/plan.js");
EMBED(charts_js, "src/report/assets/charts.js");
EMBED(page_js, "src/report/assets/page.js");
EMBED(compare_js, "src/report/assets/compare.js");
EMBED(history_js, "src/report/assets/history.js");
EMBED(uplot_css, "build/assets/uPlot.min.css");
EMBED(uplot_js, "build/assets/uPlot.iife.min.js");

static const struct {
	const char *begin, *end;
} assets[] = {
	[MP_ASSET_CSS] = {mp_asset_css, mp_asset_css_end},
	[MP_ASSET_SHELL_JS] = {mp_asset_shell_js, mp_asset_shell_js_end},
	[MP_ASSET_PLAN_JS] = {mp_asset_plan_js, mp_asset_plan_js_end},
	[MP_ASSET_CHARTS_JS] = {mp_asset_charts_js, mp_asset_charts_js_end},
	[MP_ASSET_PAGE_JS] = {mp_asset_page_js, mp_asset_page_js_end},
	[MP_ASSET_COMPARE_JS] = {mp_asset_compare_js, mp_asset_compare_js_end},
	[MP_ASSET_HISTORY_JS] = {mp_asset_history_js, mp_asset_history_js_end},
	[MP_ASSET_UPLOT_CSS] = {mp_asset_uplot_css, mp_asset_uplot_css_end},
	[MP_ASSET_UPLOT_JS] = {mp_asset_uplot_js, mp_asset_uplot_js_end},
};
_Static_assert(ARRAY_SIZE(assets) == _MP_ASSET_MAX, "every asset is embedded");

struct mp_asset mp_asset_get(enum mp_asset_id id)
{
	return (struct mp_asset){assets[id].begin, (size_t)(assets[id].end - assets[id].begin)};
}
