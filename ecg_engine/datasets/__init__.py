"""Public reference sets from their publishers' addresses, each file checked against the publisher's own sums.

Needs the extra ``datasets``. `find_dataset` knows a set by its name; `fetch_dataset` brings it into a folder and can be
called again after anything that went wrong: what is there and right stays, what is half there is gone on with.
"""

from ecg_engine.datasets.catalogue import Dataset, find_dataset, list_datasets
from ecg_engine.datasets.fetching import FetchResult, Watcher, fetch_dataset, fetch_file

__all__ = ["Dataset", "FetchResult", "Watcher", "fetch_dataset", "fetch_file", "find_dataset", "list_datasets"]
