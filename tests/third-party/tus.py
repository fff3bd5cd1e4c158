"""Uploads a file by tus, from where it was left off. Says after each chunk how far it is.

usage: tus.py URL TOKEN FILE STATE
"""

import sys

import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.storage.filestorage import FileStorage

CHUNK_BYTES = 6_000_000


def main(url, token, path, state):
    client = TusClient(url, headers={"Authorization": f"Bearer {token}"})
    uploader = client.uploader(
        path,
        chunk_size=CHUNK_BYTES,
        metadata={"filename": "third-party.bin", "filetype": "application/x-third-party"},
        store_url=True,
        url_storage=FileStorage(state),
        upload_checksum=True,
    )
    print(f"at {uploader.offset}", flush=True)
    while uploader.offset < uploader.get_file_size():
        uploader.upload_chunk()
        print(f"at {uploader.offset}", flush=True)
    print(f"done {uploader.url}", flush=True)


try:
    main(*sys.argv[1:])
except (TusCommunicationError, requests.exceptions.RequestException) as error:
    sys.exit(f"cut off: {error}")
