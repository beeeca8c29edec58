"""Writes and reads result records with Prefect, for `prefect_results.rs`.

    prefect_records.py write DIRECTORY    writes the records that the Rust side expects
    prefect_records.py read DIRECTORY     prints what Prefect reads there, as one JSON object by key
    prefect_records.py lock DIRECTORY     creates lock files, then prints which of the Rust side's it sees

PREFECT_HOME must name a scratch directory. No server is needed.
"""

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

from prefect.filesystems import LocalFileSystem
from prefect.locking.filesystem import FileSystemLockManager
from prefect.results import ResultStore
from prefect.serializers import CompressedJSONSerializer, CompressedSerializer, JSONSerializer, PickleSerializer

VALUE = {"x": 1, "text": "é \"quoted\"\n", "list": [1.5, None, True, -(2**63)], "empty": {}}
FAR = datetime(2124, 2, 29, 12, 0, 0, 123456, tzinfo=timezone.utc)
PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)

SERIALIZERS = {
    "json": JSONSerializer(),
    "lzma": CompressedJSONSerializer(),
    "zlib": CompressedJSONSerializer(compressionlib="zlib"),
    "gzip": CompressedJSONSerializer(compressionlib="gzip"),
    "bz2": CompressedJSONSerializer(compressionlib="bz2"),
    "compressed": CompressedSerializer(serializer="json", compressionlib="zlib"),
    "pickle": PickleSerializer(),
}


def store(directory, serializer, metadata=None):
    return ResultStore(
        result_storage=LocalFileSystem(basepath=str(directory)),
        metadata_storage=LocalFileSystem(basepath=str(metadata)) if metadata else None,
        serializer=serializer,
        cache_result_in_memory=False,
    )


def write(directory):
    for name, serializer in SERIALIZERS.items():
        store(directory / "one", serializer).write(VALUE, key=name)
        store(directory / "two", serializer, directory / "two-metadata").write(VALUE, key=name)
    plain = store(directory / "one", SERIALIZERS["json"])
    plain.write(VALUE, key="expiring", expiration=FAR)
    plain.write(VALUE, key="expired", expiration=PAST)
    for key in ["folder/nested", "with space", "a%2Fb", "issue#17", "é", "..dots", "a:b"]:
        plain.write(key, key=key)


def read(directory):
    found = {}
    for folder, metadata in [("one", None), ("two", "two-metadata")]:
        base = directory / folder
        for path in base.rglob("*"):
            key = str(path.relative_to(base))
            if path.is_dir() or key.startswith(".context-tmp"):
                continue
            reader = store(base, SERIALIZERS["pickle"], metadata and directory / metadata)
            exists = reader.exists(key)
            record = reader.read(key)
            expiration = record.metadata.expiration
            found[f"{folder}/{key}"] = {
                "exists": exists,
                "value": record.result,
                "storage_key_is_the_file": record.metadata.storage_key == str(path.resolve()),
                "expiration": expiration and str(expiration.astimezone(timezone.utc)),
                "serializer": record.metadata.serializer.type,
                "prefect_version": record.metadata.prefect_version,
            }
    print(json.dumps(found))


def lock(directory):
    locks = FileSystemLockManager(directory)
    print(
        json.dumps(
            {
                "rust-lock": locks.is_lock_holder("rust-lock", "rust"),
                "rust-timed": locks.is_lock_holder("rust-timed", "rust"),
                "rust-expired": locks.is_locked("rust-expired"),
                "waited": locks.wait_for_lock("rust-lock", timeout=0.2),
                "free": locks.is_locked("free"),
                "python-lock": locks.acquire_lock("python-lock", "python"),
                "python-timed": locks.acquire_lock("python-timed", "python", hold_timeout=3600),
                "python-expired": locks.acquire_lock("python-expired", "python", hold_timeout=0.001),
            }
        )
    )


if __name__ == "__main__":
    {"write": write, "read": read, "lock": lock}[sys.argv[1]](Path(sys.argv[2]))
