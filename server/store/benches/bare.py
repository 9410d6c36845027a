"""Inserts the events of one database into a fresh one of the same schema, as plainly as it goes.

Prints the rows a second. What the store does is compared with this: same rows, same tables and
indexes, same settings, same file system, as durable, 256 rows a transaction, and nothing decided.
"""

import sqlite3
import sys
import time

BATCH = 256


def main(source_path, target_path):
    source = sqlite3.connect(source_path)
    schema = source.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    rows = source.execute("SELECT * FROM event ORDER BY pos").fetchall()
    insert = "INSERT INTO event VALUES ({})".format(",".join("?" * len(rows[0])))

    target = sqlite3.connect(target_path, isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("PRAGMA synchronous = FULL")
    target.execute("PRAGMA cache_size = -16000")
    target.execute("PRAGMA wal_autocheckpoint = 4000")
    for (statement,) in schema:
        target.execute(statement)

    started = time.monotonic()
    for first in range(0, len(rows), BATCH):
        target.execute("BEGIN IMMEDIATE")
        target.executemany(insert, rows[first : first + BATCH])
        target.execute("COMMIT")
    print(len(rows) / (time.monotonic() - started))


main(*sys.argv[1:])
