"""Files: `FileRef` for messages, the ports `Files` and `Blobs`, and `FileStore`, the part that gives them to an app.

What needs a database stands in `krepis.files.database` (`DatabaseBlobs`) and `krepis.files.tables` (`TABLES`,
`BLOB_TABLES`).
"""

from krepis.files.blobs import Blobs, BlobsFailed, BlobsFull, NoSuchBlobError
from krepis.files.desk import FileDesk, UnsupportedFileType
from krepis.files.file import FileGone, FileRef, UploadGone
from krepis.files.folder import FolderBlobs
from krepis.files.name import safe_name
from krepis.files.port import Files, LooseFiles
from krepis.files.store import FileStore

__all__ = (
    "Blobs",
    "BlobsFailed",
    "BlobsFull",
    "FileDesk",
    "FileGone",
    "FileRef",
    "FileStore",
    "Files",
    "FolderBlobs",
    "LooseFiles",
    "NoSuchBlobError",
    "UnsupportedFileType",
    "UploadGone",
    "safe_name",
)
