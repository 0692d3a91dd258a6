/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OUT/index.sqlite: its tables and everything that is asked of it. People may read it with any
 * SQLite tool; nobody needs to write it, since the folders are the truth. A change of a table
 * raises MP_INDEX_SCHEMA: an index of another schema is made anew.
 */
#pragma once

#define MP_INDEX_SCHEMA 2

static const char sql_tables[] =
	/* id: the folder's name; mtime_ns, size, inode: run.json as it was read */
	"CREATE TABLE runs(no INTEGER PRIMARY KEY, id TEXT NOT NULL, env TEXT NOT NULL,"
	" commit_id TEXT NOT NULL, started REAL, duration REAL, verdict TEXT NOT NULL,"
	" hold_cap REAL, exit_code INTEGER, stopped INTEGER, unfinished INTEGER, server TEXT,"
	" fingerprint TEXT,"
	" tags TEXT, suites INTEGER, suites_passed INTEGER, suites_bad INTEGER, cases INTEGER,"
	" cases_bad INTEGER, mtime_ns INTEGER, size INTEGER, inode INTEGER);"
	/* the fingerprint's fields as they stand in run.json */
	"CREATE TABLE environments(run INTEGER, field TEXT, value TEXT,"
	" PRIMARY KEY(run, field)) WITHOUT ROWID;"
	"CREATE TABLE suites(run INTEGER, no INTEGER, name TEXT, verdict TEXT, reason TEXT,"
	" started REAL, duration REAL, PRIMARY KEY(run, no)) WITHOUT ROWID;"
	"CREATE TABLE cases(run INTEGER, suite INTEGER, no INTEGER, name TEXT, verdict TEXT,"
	" message TEXT, metric TEXT, label TEXT, op TEXT, threshold REAL, observed REAL,"
	" PRIMARY KEY(run, suite, no)) WITHOUT ROWID;"
	/* by run, so that a new one is written at the end: making the index is twice as fast as by
	 * series, and a series' value in a run is one look-up either way */
	"CREATE TABLE series(no INTEGER PRIMARY KEY, suite TEXT, label TEXT, metric TEXT,"
	" UNIQUE(suite, label, metric));"
	"CREATE TABLE aggregates(series INTEGER, run INTEGER, n REAL, mean REAL, max REAL, min REAL,"
	" PRIMARY KEY(run, series)) WITHOUT ROWID;"
	/* folders whose run.json cannot be read: not tried again until it changes */
	"CREATE TABLE faults(id TEXT PRIMARY KEY, why TEXT, mtime_ns INTEGER, size INTEGER,"
	" inode INTEGER) WITHOUT ROWID;";

static const char sql_indexes[] = "CREATE UNIQUE INDEX runs_id ON runs(id);"
				  "CREATE INDEX runs_started ON runs(started);";

static const char sql_known[] =
	"SELECT id, mtime_ns, size, inode, NULL FROM runs"
	" UNION ALL SELECT id, mtime_ns, size, inode, why FROM faults ORDER BY id";

static const char *const sql_forget[] = {
	"DELETE FROM aggregates WHERE run = (SELECT no FROM runs WHERE id = ?1)",
	"DELETE FROM cases WHERE run = (SELECT no FROM runs WHERE id = ?1)",
	"DELETE FROM suites WHERE run = (SELECT no FROM runs WHERE id = ?1)",
	"DELETE FROM environments WHERE run = (SELECT no FROM runs WHERE id = ?1)",
	"DELETE FROM runs WHERE id = ?1",
	"DELETE FROM faults WHERE id = ?1",
};

static const char sql_add_run[] =
	"INSERT INTO runs(id, env, commit_id, started, duration, verdict, hold_cap, exit_code,"
	" stopped, unfinished, server, fingerprint, tags, suites, suites_passed, suites_bad, cases,"
	" cases_bad, mtime_ns, size, inode) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
static const char sql_add_environment[] = "INSERT INTO environments VALUES(?,?,?)";
static const char sql_add_suite[] = "INSERT INTO suites VALUES(?,?,?,?,?,?,?)";
static const char sql_add_case[] = "INSERT INTO cases VALUES(?,?,?,?,?,?,?,?,?,?,?)";
static const char sql_find_series[] =
	"SELECT no FROM series WHERE suite = ? AND label = ? AND metric = ?";
static const char sql_add_series[] = "INSERT INTO series(suite, label, metric) VALUES(?,?,?)";
#define SQL_ROW       "(?,?,?,?,?,?)"
#define SQL_ROWS_4    SQL_ROW "," SQL_ROW "," SQL_ROW "," SQL_ROW
#define SQL_ROWS_16   SQL_ROWS_4 "," SQL_ROWS_4 "," SQL_ROWS_4 "," SQL_ROWS_4
#define SQL_ROWS_MANY 32
static const char sql_add_aggregate[] = "INSERT OR REPLACE INTO aggregates VALUES" SQL_ROW;
static const char sql_add_aggregates[] =
	"INSERT OR REPLACE INTO aggregates VALUES" SQL_ROWS_16 "," SQL_ROWS_16;
static const char sql_add_fault[] = "INSERT INTO faults VALUES(?,?,?,?,?)";

/* Parameters of every filter: ?1 env, ?2 commit, ?3 suite, ?4 verdict, ?5 tag, ?6 fingerprint,
 * ?7 since. A commit is asked for in any length, and stored in git's short one. */
#define SQL_FILTER                                                                                      \
	" (?1 IS NULL OR env GLOB ?1)"                                                                  \
	" AND (?2 IS NULL OR substr(commit_id, 1, length(?2)) = ?2"                                     \
	"      OR (length(commit_id) >= 7 AND substr(?2, 1, length(commit_id)) = commit_id))"           \
	" AND (?3 IS NULL OR EXISTS (SELECT 1 FROM suites s WHERE s.run = runs.no AND s.name GLOB ?3))" \
	" AND (?4 IS NULL OR CASE ?4 WHEN 'unfinished' THEN unfinished"                                 \
	"      ELSE verdict = ?4 AND NOT unfinished END)"                                               \
	" AND (?5 IS NULL OR instr(' ' || tags || ' ', ' ' || ?5 || ' '))"                              \
	" AND (?6 IS NULL OR substr(fingerprint, 1, length(?6)) = ?6)"                                  \
	" AND (?7 IS NULL OR started >= ?7)"

static const char sql_list[] =
	"SELECT id, env, commit_id, verdict, fingerprint, server, tags, started, duration, exit_code,"
	" unfinished, suites, suites_passed, suites_bad, cases, cases_bad, hold_cap FROM runs"
	" WHERE" SQL_FILTER " ORDER BY started DESC, no DESC LIMIT ?8";
static const char sql_count[] = "SELECT count(*) FROM runs WHERE" SQL_FILTER;

/* The runs that values are asked for, and their places in the caller's list. */
static const char sql_wanted[] = "CREATE TEMP TABLE IF NOT EXISTS wanted(run INTEGER PRIMARY KEY,"
				 " at INTEGER);DELETE FROM wanted;";
static const char sql_want[] = "INSERT INTO wanted SELECT no, ?2 FROM runs WHERE id = ?1";
static const char sql_wanted_suites[] =
	"SELECT at, name, verdict FROM suites JOIN wanted USING(run) ORDER BY name, at";
/* CROSS JOIN keeps the order of the loops: series by name, and each one's few runs by key */
static const char sql_wanted_values[] =
	"SELECT w.at, s.suite, s.label, s.metric, a.mean, a.max, a.min FROM series s"
	" CROSS JOIN wanted w CROSS JOIN aggregates a ON a.series = s.no AND a.run = w.run"
	" ORDER BY s.suite, s.label, s.metric";
