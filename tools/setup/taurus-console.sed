# Mends the live console of Taurus 1.17.2 in build/venv-bzt (bzt/modules/console.py; run by setup.sh): it asks only executors for their
# widget, so that the monitoring's, which shows the metrics, and the criteria's never appear. Any module that has one is asked.
s/^\( *\)if isinstance(module, ScenarioExecutor):$/\1if hasattr(module, "get_widget"):/
