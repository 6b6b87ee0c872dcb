"""What a disk may hold after a power cut, built from a recording.

A recording (recording.py) is played into a model of the recorded folder. Wherever it is cut, the model
knows what a sync has made durable and what was under way, and builds states that the disk could be in:
unsynced operations are kept and lost in any combination.

 - A write is durable after an fsync or fdatasync of its file that began after it. Until then each of its
   512-octet sectors may be old or new on its own. A sector is atomic and has one history: whoever keeps
   a write to it keeps the earlier ones to the same sector.
 - The size comes with the data, or before them (the octets between read as zeros). fdatasync makes it
   durable too: it is needed to read the data.
 - A truncation that is lost takes with it the later writes past it: they went to other blocks.
 - A name (create, link, rename, unlink, mkdir) is durable after an fsync of its folder, never by one of
   the file (ext4 is kinder; others are not). A rename is whole or not at all; between two folders it is
   durable with the one it leads to. Names and data are lost independently.
 - sync_file_range, rename and close make nothing durable. A failed sync neither.
"""

import collections
import fnmatch
import os
import pathlib
import random
import shutil

import recording

SECTOR = 512
PAGE = 4096
ZEROS = bytes(PAGE)

FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16

# What becomes of a file's unsynced operations, and of unsynced names.
DATA_FATES = ("none", "all", "prefix", "subset", "torn", "tear", "sized")
NAME_FATES = ("none", "all", "prefix", "subset")


class Image:
    """A file's octets, sparse: pages that are missing are zeros. Copies share their pages."""

    def __init__(self, pages=None, size=0):
        self.pages = {} if pages is None else pages
        self.size = size

    def copy(self):
        return Image(dict(self.pages), self.size)

    def put(self, at, octets):
        """Writes without a change of size."""
        done = 0
        while done < len(octets):
            number, inside = divmod(at + done, PAGE)
            n = min(PAGE - inside, len(octets) - done)
            piece = octets[done:done + n]
            if n < PAGE:
                old = self.pages.get(number, ZEROS)
                piece = old[:inside] + piece + old[inside + n:]
            if piece == ZEROS:
                self.pages.pop(number, None)
            else:
                self.pages[number] = bytes(piece)
            done += n

    def zero_from(self, size):
        number, inside = divmod(size, PAGE)
        for page in [p for p in self.pages if p > number or (p == number and inside == 0)]:
            del self.pages[page]
        if inside and number in self.pages:
            self.pages[number] = self.pages[number][:inside] + bytes(PAGE - inside)

    def octets(self):
        out = bytearray(self.size)
        for number, page in self.pages.items():
            start = number * PAGE
            if start < self.size:
                out[start:start + PAGE] = page[:self.size - start]
        return bytes(out)

    def save(self, path):
        with open(path, "wb", buffering=0) as f:
            run, at = [], 0
            for number in sorted(self.pages):
                if number * PAGE >= self.size:
                    break
                if run and at + len(run) != number:
                    os.pwrite(f.fileno(), b"".join(run), at * PAGE)
                    run = []
                if not run:
                    at = number
                run.append(self.pages[number])
            if run:
                os.pwrite(f.fileno(), b"".join(run), at * PAGE)
            os.ftruncate(f.fileno(), self.size)

    @staticmethod
    def load(path):
        image = Image()
        octets = pathlib.Path(path).read_bytes()
        for at in range(0, len(octets), PAGE):
            page = octets[at:at + PAGE]
            if page.strip(b"\0"):
                image.put(at, page)
        image.size = len(octets)
        return image


class Op:
    """An operation on one file. `octets` None: a change of size alone; `shrinks`: it cut something off."""

    __slots__ = ("index", "at", "octets", "size", "shrinks")

    def __init__(self, index, at, octets, size, shrinks=False):
        self.index, self.at, self.octets, self.size, self.shrinks = index, at, octets, size, shrinks

    def sectors(self):
        if self.octets is None:
            return range(0)
        return range(self.at // SECTOR, (self.at + len(self.octets) + SECTOR - 1) // SECTOR)

    def apply(self, image):
        if self.octets is not None:
            image.put(self.at, self.octets)
            image.size = max(image.size, self.at + len(self.octets))
        elif self.shrinks:
            image.zero_from(self.size)
            image.size = self.size
        else:
            image.size = max(image.size, self.size)


class File:
    def __init__(self, image=None):
        self.durable = image or Image()
        self.current = self.durable.copy()
        self.pending = []

    def add(self, op):
        op.apply(self.current)
        self.pending.append(op)

    def sync(self, before):
        """All operations with an index under `before` are durable."""
        n = 0
        while n < len(self.pending) and self.pending[n].index < before:
            self.pending[n].apply(self.durable)
            n += 1
        del self.pending[:n]

    def fate(self, rng, fate):
        """An image that the disk may hold now."""
        ops = self.pending
        if fate == "none" or not ops:
            return self.durable.copy()
        if fate == "all":
            return self.current.copy()
        kept = {"prefix": lambda: self._prefix(rng.randrange(len(ops) + 1)),
                "subset": lambda: [op.sectors() if rng.random() < .5 else None for op in ops],
                "torn": lambda: [self._some(rng, op) for op in ops],
                "tear": lambda: self._tear(rng),
                "sized": lambda: [None] * len(ops)}[fate]()
        sizes = None
        if fate in ("torn", "sized") and not any(op.shrinks for op in ops):
            sizes = self._sizes()
        image = self._build(kept)
        if sizes is not None:
            image.size = rng.choice(sizes) if fate == "torn" else sizes[-1]
        return image

    def _prefix(self, n):
        return [op.sectors() if i < n else None for i, op in enumerate(self.pending)]

    @staticmethod
    def _some(rng, op):
        if op.octets is None:
            return op.sectors() if rng.random() < .5 else None
        return [s for s in op.sectors() if rng.random() < .5]

    def _tear(self, rng):
        """All up to one operation, of which only the first or the last sectors arrive."""
        torn = rng.randrange(len(self.pending))
        kept = self._prefix(torn)
        sectors = self.pending[torn].sectors()
        if len(sectors) > 1:
            at = rng.randrange(1, len(sectors))
            kept[torn] = sectors[:at] if rng.random() < .7 else sectors[at:]
        return kept

    def _sizes(self):
        size = self.durable.size
        sizes = [size]
        for op in self.pending:
            size = max(size, op.size if op.octets is None else op.at + len(op.octets))
            sizes.append(size)
        return sizes

    def _build(self, kept):
        """Applies what is kept: for each operation its sectors, None where it is lost whole."""
        newest = {}
        for i, sectors in enumerate(kept):
            for s in sectors or ():
                newest[s] = i
        image, barrier = self.durable.copy(), None
        for i, op in enumerate(self.pending):
            if op.octets is None:
                if kept[i] is None:
                    if op.shrinks:
                        barrier = op.size if barrier is None else min(barrier, op.size)
                elif barrier is None or op.size <= barrier:
                    op.apply(image)
                continue
            for s in op.sectors():
                if newest.get(s, -1) >= i:
                    self._put_sector(image, op, s, barrier)
        return image

    @staticmethod
    def _put_sector(image, op, sector, barrier):
        start = max(sector * SECTOR, op.at)
        end = min((sector + 1) * SECTOR, op.at + len(op.octets))
        if barrier is not None:
            end = min(end, barrier)
        if start < end:
            image.put(start, op.octets[start - op.at:end - op.at])
            image.size = max(image.size, end)


class Folder:
    def __init__(self):
        self.durable = {}
        self.current = {}


class Naming:
    """A change of names: each (folder, name) now is the object, or nothing (None). Whole or not at all."""

    def __init__(self, index, changes, durable_with):
        self.index, self.changes, self.durable_with = index, changes, durable_with

    def touches(self):
        return {(id(folder), name) for folder, name, _ in self.changes}


class Model:
    """The recorded folder, from before the recording (base, all of it durable) on."""

    def __init__(self, base=None, volatile=("*-shm",), mapped=("*-shm", "*flight*")):
        self.volatile = volatile  # rebuilt by their owner: not recorded well, left out of every state
        self.mapped = mapped      # may be written through a mapping, which is not seen
        self.root = Folder()
        self.inodes = {}
        self.pending = []
        self.syncs = {}
        self.unseen = []
        if base is not None:
            self._load(pathlib.Path(base), self.root)
            self.inodes[os.stat(base).st_ino] = self.root

    def _load(self, path, folder):
        for child in path.iterdir():
            if child.is_symlink() or not (child.is_dir() or child.is_file()):
                continue
            thing = Folder() if child.is_dir() else File(Image.load(child))
            if child.is_dir():
                self._load(child, thing)
            folder.durable[child.name] = folder.current[child.name] = thing
            self.inodes[child.stat().st_ino] = thing

    # -- playing -------------------------------------------------------------------------------------

    def _find(self, path):
        """(folder, name, object or None) of a path below the root, as things are now."""
        folder, parts = self.root, path.split("/")
        for part in parts[:-1]:
            folder = folder.current[part]
        return folder, parts[-1], folder.current.get(parts[-1])

    def _name(self, index, changes, durable_with):
        for folder, name, thing in changes:
            if thing is None:
                folder.current.pop(name, None)
            else:
                folder.current[name] = thing
        self.pending.append(Naming(index, changes, durable_with))

    def _new(self, index, entry, thing):
        self.inodes[entry.inode] = thing
        if entry.path:
            folder, name, _ = self._find(entry.path)
            self._name(index, [(folder, name, thing)], {id(folder)})

    def _file(self, entry):
        thing = self.inodes.get(entry.inode)
        assert isinstance(thing, File), f"inode {entry.inode} was never named: {entry}"
        return thing

    def play(self, index, entry):
        getattr(self, "_on_" + recording.NAMES[entry.kind].replace(" ", "_"))(index, entry)

    def _on_start(self, index, entry):
        pass

    _on_sent = _on_start

    def _on_create(self, index, entry):
        self._new(index, entry, File())

    def _on_mkdir(self, index, entry):
        self._new(index, entry, Folder())

    def _on_open(self, index, entry):
        thing = self.root if entry.path == "" else self._find(entry.path)[2]
        assert thing is not None, f"opened, but never made: {entry}"
        self.inodes[entry.inode] = thing

    def _on_write(self, index, entry):
        self._file(entry).add(Op(index, entry.a, entry.first, None))

    def _on_truncate(self, index, entry):
        file = self._file(entry)
        file.add(Op(index, 0, None, entry.a, entry.a < file.current.size))

    def _on_fallocate(self, index, entry):
        file, end = self._file(entry), entry.a + entry.b
        assert entry.c & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) == 0, f"not modelled: {entry}"
        if entry.c & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE):
            last = min(end, file.current.size) if entry.c & FALLOC_KEEP_SIZE else end
            if last > entry.a:
                file.add(Op(index, entry.a, bytes(last - entry.a), None))
        elif not entry.c & FALLOC_KEEP_SIZE and end > file.current.size:
            file.add(Op(index, 0, None, end))

    def _on_rename(self, index, entry):
        assert entry.c == 0 or entry.c == 1, f"not modelled: {entry}"
        from_folder, from_name, thing = self._find(entry.path)
        to_folder, to_name, _ = self._find(entry.second.decode())
        assert thing is not None, f"renamed, but never made: {entry}"
        self._name(index, [(from_folder, from_name, None), (to_folder, to_name, thing)], {id(to_folder)})

    def _on_unlink(self, index, entry):
        folder, name, _ = self._find(entry.path)
        self._name(index, [(folder, name, None)], {id(folder)})

    def _on_link(self, index, entry):
        folder, name, _ = self._find(entry.path)
        self._name(index, [(folder, name, self._file(entry))], {id(folder)})

    def _on_mmap(self, index, entry):
        thing = self.inodes.get(entry.inode)
        self.unseen.append(thing)

    def _on_sync_begin(self, index, entry):
        self.syncs[entry.pid, entry.a] = (index, entry.inode)

    def _on_sync_end(self, index, entry):
        began, inode = self.syncs.pop((entry.pid, entry.a))
        if entry.b != 0:
            return
        if inode == 0:
            for _, thing in self.walk():
                if isinstance(thing, File):
                    thing.sync(began)
            self._sync_names(began, None)
        elif isinstance(self.inodes[inode], File):
            self.inodes[inode].sync(began)
        else:
            self._sync_names(began, self.inodes[inode])

    def _sync_names(self, began, folder):
        """Durable: what this folder's sync covers, and what came before to the same names."""
        durable, self.pending = self._closed(
            lambda naming: naming.index < began and (folder is None or id(folder) in naming.durable_with))
        for naming in durable:
            for to, name, thing in naming.changes:
                if thing is None:
                    to.durable.pop(name, None)
                else:
                    to.durable[name] = thing

    def _closed(self, chosen):
        """(kept, left) of the pending changes: those chosen, and the earlier ones to the same names."""
        touched, kept, left = set(), [], []
        for naming in reversed(self.pending):
            if chosen(naming) or naming.touches() & touched:
                touched |= naming.touches()
                kept.insert(0, naming)
            else:
                left.insert(0, naming)
        return kept, left

    # -- states --------------------------------------------------------------------------------------

    def walk(self, names=None, folder=None, prefix=""):
        """(path, object) of all there is; `names` says what a folder holds (default: now)."""
        names = names or (lambda f: f.current)
        for name, thing in sorted(names(folder or self.root).items()):
            yield prefix + name, thing
            if isinstance(thing, Folder):
                yield from self.walk(names, thing, prefix + name + "/")

    def _kept_names(self, rng, fate):
        if fate == "subset":
            return self._closed(lambda naming: rng.random() < .5)[0]
        return self.pending[:{"none": 0, "all": len(self.pending),
                              "prefix": rng.randrange(len(self.pending) + 1)}[fate]]

    def state(self, rng, data_fate, name_fate):
        """{path: Image, or None for a folder, or an earlier path it is a hard link to}.

        data_fate "mixed" gives each file a fate of its own.
        """
        changed = {}
        for naming in self._kept_names(rng, name_fate):
            for folder, name, thing in naming.changes:
                changed.setdefault(id(folder), dict(folder.durable))
                if thing is None:
                    changed[id(folder)].pop(name, None)
                else:
                    changed[id(folder)][name] = thing
        state, first = {}, {}
        for path, thing in self.walk(lambda f: changed.get(id(f), f.durable)):
            if isinstance(thing, Folder):
                state[path] = None
            elif any(fnmatch.fnmatch(path, p) for p in self.volatile):
                continue
            elif id(thing) in first:
                state[path] = first[id(thing)]
            else:
                first[id(thing)] = path
                state[path] = thing.fate(rng, rng.choice(DATA_FATES) if data_fate == "mixed" else data_fate)
        return state

    def check_complete(self, directory):
        """Asserts that the recording saw everything: what it ends with is what is there."""
        here = {path: thing for path, thing in self.walk()}
        skip = set(map(id, self.unseen))
        for path, thing in here.items():
            if id(thing) in skip:
                assert any(fnmatch.fnmatch(path, p) for p in self.mapped), f"{path} is written through a mapping"
        there = Model(directory)
        names = {path for path, _ in there.walk()}
        assert names == set(here), f"unrecorded names: {sorted(names ^ set(here))}"
        for path, thing in there.walk():
            if isinstance(thing, File) and id(here[path]) not in skip:
                assert thing.current.octets() == here[path].current.octets(), f"unrecorded writes to {path}"


def save(state, directory):
    """Makes the folder hold the state, and nothing else."""
    directory = pathlib.Path(directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path, thing in state.items():
        target = directory / path
        if thing is None:
            target.mkdir()
        elif isinstance(thing, str):
            os.link(directory / thing, target)
        else:
            thing.save(target)


Cut = collections.namedtuple("Cut", "index data names seed")


def plan(entries, first, count, seed):
    """`count` cuts (None: after every entry, all of them), none before entry `first`.

    Entries that change nothing on disk and acknowledge nothing are no places to cut. The plain loss of
    everything unsynced is what a broken promise shows in, so every other cut is that, or near it.
    """
    rng = random.Random(seed)
    still = (recording.START, recording.OPEN, recording.MMAP, recording.SYNC_BEGIN)
    places = [i for i, e in enumerate(entries) if i >= first and e.kind not in still]
    cuts = []
    for i in places:
        cuts.append(Cut(i, "none", "none", 0))
        cuts.append(Cut(i, rng.choice(DATA_FATES[1:] + ("mixed",) * 3), rng.choice(NAME_FATES), rng.randrange(1 << 30)))
        cuts.append(Cut(i, "mixed", rng.choice(NAME_FATES), rng.randrange(1 << 30)))
    if count is not None and len(cuts) > count:
        cuts = rng.sample(cuts, count)
    return sorted(cuts)


def explore(entries, base, cuts, visit):
    """Plays the entries and calls visit(cut, state) for each cut. Gives the model at the end."""
    model, due = Model(base), collections.deque(cuts)
    for index, entry in enumerate(entries):
        model.play(index, entry)
        while due and due[0].index == index:
            cut = due.popleft()
            visit(cut, model.state(random.Random(cut.seed), cut.data, cut.names))
    return model
