# Files embedded in the program by src/report/assets.c (.incbin); included by the main Makefile.
# uPlot comes from tools/setup/uplot.sh; without it the page has tables and says why no charts.
REPORT_ASSETS := $(addprefix src/report/assets/,page.css shell.js plan.js charts.js page.js compare.js \
	history.js)
UPLOT := uPlot.iife.min.js uPlot.min.css

$(B)/obj/report/assets.o $(B)/san/obj/report/assets.o: $(REPORT_ASSETS) $(UPLOT:%=$(B)/assets/%)

# An empty file where uPlot was not fetched; made again once it is.
$(foreach f,$(UPLOT),$(eval $(B)/assets/$(f): $(wildcard $(B)/uplot/$(f)); \
	$$(Q)mkdir -p $$(@D) && if [ -f $(B)/uplot/$(f) ]; then cp $(B)/uplot/$(f) $$@; else : >$$@; fi))
