"""The tests' own PostgreSQL is real, isolated and recovers from a crash."""

from __future__ import annotations

import asyncio
import os

import asyncpg
import psutil

from tests.postgres import PostgresServer


def test_url_serves_asyncpg_with_postgresql_18(postgres_url: str) -> None:
    async def version() -> int:
        connection = await asyncpg.connect(postgres_url)
        try:
            return int(await connection.fetchval("SHOW server_version_num"))
        finally:
            await connection.close()

    assert asyncio.run(version()) // 10000 == 18


def test_each_database_is_fresh(postgres: PostgresServer) -> None:
    count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'test_%'"
    before = postgres.execute(count)  # a module's own may be there
    first, second = postgres.create_database(), postgres.create_database()
    postgres.execute("CREATE TABLE t (x int)", url=first)
    try:
        assert postgres.execute("SELECT count(*) FROM pg_tables WHERE tablename = 't'", url=second) == "0"
    finally:
        postgres.drop_database(first)
        postgres.drop_database(second)
    assert postgres.execute(count) == before


def test_never_runs_as_root(postgres: PostgresServer) -> None:
    assert postgres.execute("SHOW data_directory_mode") == "0700"
    owner = os.stat(postgres.execute("SHOW data_directory")).st_uid
    assert owner != 0


def test_acknowledged_write_survives_a_kill() -> None:
    before = set(psutil.Process().children(recursive=True))
    with PostgresServer(fsync=True) as server:
        url = server.create_database()
        server.execute("CREATE TABLE t (x int)", url=url)
        server.execute("INSERT INTO t VALUES (7)", url=url)
        server.kill()
        server.start()
        assert server.execute("SELECT x FROM t", url=url) == "7"
        assert server.execute("SHOW fsync") == "on"
        started = set(psutil.Process().children(recursive=True)) - before
    assert started
    assert not [process for process in started if process.is_running()]
