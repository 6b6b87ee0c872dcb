#include "base/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"

/* The file is a struct image of the machine that wrote it: another machine, version or boot ignores it. */
enum { VERSION = 1, CACHE_LINE = 64, SIGNAL_STACK = 32 * LIMIT_KB, SET_SIZE = 4096 };

struct flight_slot {
	alignas(CACHE_LINE) _Atomic uint32_t kind; /* FLIGHT_NONE: nothing in work; written last */
	_Atomic uint32_t faulted;                  /* this slot's thread took the signal */
	ip network;
	uint64_t id, fingerprint;
};

struct image {
	struct image_head {
		char magic[8];
		uint32_t version, slots, slot_size, image_size;
		uint64_t boot;          /* a crash of the machine is no message's fault */
		_Atomic uint32_t fault; /* the signal that ended the process */
	} head;
	struct flight_slot slot[LIMIT_FLIGHT_SLOTS];
};

struct flight {
	struct image *image;  /* mmapped */
	pthread_mutex_t lock; /* of taken and q */
	bool taken[LIMIT_FLIGHT_SLOTS];
	struct arena arena; /* suspects, q */
	str directory, quarantine_path;
	err trouble;
	struct quarantine q;
	quarantine_entry *suspects;
	size_t suspect_count;
	_Atomic uint64_t set[SET_SIZE]; /* quarantined fingerprints: open addressing, 0 free, 1 removed */
	_Atomic bool any;
};

static_assert(SET_SIZE >= 4 * LIMIT_QUARANTINE, "the set stays sparse");
static_assert(sizeof(struct flight_slot) == CACHE_LINE, "no two threads share a line");

/* What a signal handler can reach: set at start, cleared at the end. */
static struct image *_Atomic watched;
static _Thread_local struct flight_slot *own_slot;
static _Thread_local void *own_stack;

static const int faults[] = { SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE };
enum { FAULTS = sizeof faults / sizeof faults[0] };
static struct sigaction former[FAULTS];

/* Marks, and leaves the rest to whoever handled it before: the default, or a sanitizer. A fault happens again
 * by returning to its instruction; a signal that was sent has to be sent again. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	struct image *image = atomic_load(&watched);

	(void)context;
	if (image) {
		atomic_store(&image->head.fault, (uint32_t)number);
		if (own_slot && atomic_load(&own_slot->kind) != FLIGHT_NONE)
			atomic_store(&own_slot->faulted, 1);
	}
	for (int i = 0; i < FAULTS; i++)
		if (faults[i] == number)
			sigaction(number, &former[i], NULL);
	if (info->si_code <= 0)
		(void)raise(number);
}

static void watch(struct image *image)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	atomic_store(&watched, image);
	for (int i = 0; i < FAULTS; i++)
		sigaction(faults[i], &action, &former[i]);
}

static uint64_t boot_id(void)
{
	char text[64];
	AUTO(file) f = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = f == FILE_NONE ? 0 : read(f, text, sizeof text);

	return flight_fingerprint((str){ text, n > 0 ? (size_t)n : 0 });
}

static struct image_head fresh_head(void)
{
	return (struct image_head){ .magic = { 'P', 'R', 'F', 'L', 'I', 'G', 'H', 'T' },
		                    .version = VERSION,
		                    .slots = LIMIT_FLIGHT_SLOTS,
		                    .slot_size = sizeof(struct flight_slot),
		                    .image_size = sizeof(struct image),
		                    .boot = boot_id() };
}

/* Counts what the former run left, if it fell by a fault on this machine since it was started. */
static void take_suspects(struct flight *f, const struct image *old)
{
	struct image_head want = fresh_head();
	bool marked = false;

	if (memcmp(&old->head, &want, offsetof(struct image_head, fault)) != 0 || old->head.fault == 0)
		return;
	f->suspects = arena_new(&f->arena, quarantine_entry, LIMIT_FLIGHT_SLOTS);
	for (size_t i = 0; i < LIMIT_FLIGHT_SLOTS; i++)
		marked = marked || old->slot[i].faulted;
	for (size_t i = 0; f->suspects && i < LIMIT_FLIGHT_SLOTS; i++) {
		const struct flight_slot *s = &old->slot[i];
		if (s->kind == FLIGHT_NONE || s->kind >= FLIGHT_KINDS || (marked && !s->faulted))
			continue;
		f->suspects[f->suspect_count] = (quarantine_entry){ .fingerprint = s->fingerprint,
			                                            .id = s->id,
			                                            .last_ms = clock_now(),
			                                            .kind = s->kind,
			                                            .network = s->network };
		quarantine_count(&f->q, &f->suspects[f->suspect_count]);
		f->suspect_count++;
	}
}

/* The first one stays. */
static void note_trouble(struct flight *f, err e)
{
	if (e.code != ERR_OK && f->trouble.code == ERR_OK)
		f->trouble = e;
}

static str path_in(struct flight *f, const char *name)
{
	struct buf path;

	buf_init(&path, &f->arena, f->directory.len + 64);
	buf_add(&path, f->directory);
	buf_add_char(&path, '/');
	buf_add(&path, str_of(name));
	return buf_str(&path);
}

/* Reads the former image, quietly where there is none or it has another size. */
static void read_former(struct flight *f, str path)
{
	str old = { 0 };
	err e = file_read_all(&f->arena, path, 2 * sizeof(struct image), &old);

	if (e.code != ERR_OK) {
		if (e.code != ERR_MISSING)
			note_trouble(f, e);
		return;
	}
	struct image *image = aligned_alloc(CACHE_LINE, sizeof *image);
	if (old.len == sizeof *image && image) {
		memcpy(image, old.ptr, sizeof *image);
		take_suspects(f, image);
	}
	free(image);
}

/* A new file under the name, so that a dying process that still maps the old one disturbs nobody. Its room is
 * written, not only reserved: a store to a hole of a full disk would be a SIGBUS. */
static err map_new(struct flight *f, str path, struct image **out)
{
	AUTO(file) fd = FILE_NONE;
	struct image_head head = fresh_head();
	struct image *blank = aligned_alloc(CACHE_LINE, sizeof *blank);
	str new_path = path_in(f, "flight.new");
	char *from = arena_z(&f->arena, new_path), *to = arena_z(&f->arena, path);

	if (!blank || !from || !to) {
		free(blank);
		return ERR_NO_MEMORY;
	}
	memset(blank, 0, sizeof *blank);
	memcpy(&blank->head, &head, sizeof head);
	err e = file_open(&f->arena, new_path, O_RDWR | O_CREAT | O_TRUNC, 0600, &fd);
	if (e.code == ERR_OK)
		e = file_write_at(fd, &(struct iovec){ blank, sizeof *blank }, 1, 0);
	free(blank);
	TRY(e);
	void *p = mmap(NULL, sizeof(struct image), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(&f->arena, errno, "mapping %s", from);
	if (rename(from, to) < 0) {
		e = err_errno(&f->arena, errno, "renaming %s", from);
		munmap(p, sizeof(struct image));
		return e;
	}
	*out = p;
	return OK;
}

static _Atomic uint64_t *set_slot(const struct flight *f, uint64_t fingerprint)
{
	_Atomic uint64_t *set = (_Atomic uint64_t *)(uintptr_t)f->set;
	size_t i = fingerprint & (SET_SIZE - 1);

	for (;; i = (i + 1) & (SET_SIZE - 1)) {
		uint64_t at = atomic_load_explicit(&set[i], memory_order_relaxed);
		if (at == 0 || at == fingerprint)
			return &set[i];
	}
}

static void fill_set(struct flight *f)
{
	for (size_t i = 0; i < f->q.count; i++) {
		if (f->q.entry[i].crashes < QUARANTINE_CRASHES)
			continue;
		atomic_store(set_slot(f, f->q.entry[i].fingerprint), f->q.entry[i].fingerprint);
		atomic_store(&f->any, true);
	}
}

static void load_quarantine(struct flight *f)
{
	err e = quarantine_load(&f->arena, f->quarantine_path, &f->q);

	if (e.code != ERR_OK) {
		note_trouble(f, e);
		f->q = (struct quarantine){ .entry = arena_new(&f->arena, quarantine_entry,
			                                       LIMIT_QUARANTINE) };
	}
}

static err map_memory(struct flight *f)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *p = mmap(NULL, sizeof(struct image), PROT_READ | PROT_WRITE, flags, -1, 0);

	if (p == MAP_FAILED)
		return ERR_NO_MEMORY;
	f->image = p;
	return OK;
}

static err begin(struct flight *f, str directory)
{
	TRY(arena_copy(&f->arena, directory, &f->directory));
	f->quarantine_path = path_in(f, "quarantine");
	str path = path_in(f, "flight");
	load_quarantine(f);
	if (!f->q.entry)
		return ERR_NO_MEMORY;
	read_former(f, path);
	if (f->suspect_count)
		note_trouble(f, quarantine_save(&f->arena, f->quarantine_path, &f->q));
	fill_set(f);
	err e = map_new(f, path, &f->image);
	note_trouble(f, e);
	return e.code == ERR_OK ? OK : map_memory(f);
}

err flight_open(str directory, struct flight **out)
{
	struct flight *f = calloc(1, sizeof *f);

	if (!f)
		return ERR_NO_MEMORY;
	pthread_mutex_init(&f->lock, NULL);
	arena_init(&f->arena, NULL, 4 * LIMIT_MB);
	err e = begin(f, directory);
	if (e.code != ERR_OK) {
		flight_close(f);
		return e;
	}
	watch(f->image);
	*out = f;
	return OK;
}

err flight_trouble(const struct flight *f) { return f->trouble; }

const quarantine_entry *flight_suspects(const struct flight *f, size_t *count)
{
	*count = f->suspect_count;
	return f->suspects;
}

/* A parser may fall by its stack's end: the handler needs another one. A sanitizer has given its own. */
static void give_signal_stack(void)
{
	stack_t now;

	if (sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE))
		return;
	own_stack = malloc(SIGNAL_STACK);
	if (own_stack)
		sigaltstack(&(stack_t){ .ss_sp = own_stack, .ss_size = SIGNAL_STACK }, NULL);
}

struct flight_slot *flight_slot_take(struct flight *f)
{
	struct flight_slot *taken = NULL;

	assert(!own_slot);
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < LIMIT_FLIGHT_SLOTS && !taken; i++) {
		if (!f->taken[i]) {
			f->taken[i] = true;
			taken = &f->image->slot[i];
		}
	}
	pthread_mutex_unlock(&f->lock);
	own_slot = taken;
	if (taken)
		give_signal_stack();
	return taken;
}

void flight_slot_give(struct flight *f, struct flight_slot *slot)
{
	if (!slot)
		return;
	assert(own_slot == slot);
	flight_clear(slot);
	own_slot = NULL;
	if (own_stack)
		sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	free(own_stack);
	own_stack = NULL;
	pthread_mutex_lock(&f->lock);
	f->taken[slot - f->image->slot] = false;
	pthread_mutex_unlock(&f->lock);
}

void flight_set(struct flight_slot *slot, enum flight_kind kind, ip network, uint64_t id,
                uint64_t fingerprint)
{
	if (!slot)
		return;
	atomic_store_explicit(&slot->kind, FLIGHT_NONE, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	slot->network = network;
	slot->id = id;
	slot->fingerprint = fingerprint;
	atomic_store_explicit(&slot->kind, kind, memory_order_release);
}

void flight_clear(struct flight_slot *slot)
{
	if (slot)
		atomic_store_explicit(&slot->kind, FLIGHT_NONE, memory_order_release);
}

/* Each message pays for it, so it is the checksum that the processor has, once for each half. A collision
 * that somebody makes on purpose has only his own message refused. Files hold the results: it may not change.
 */
uint64_t flight_fingerprint(str octets)
{
	size_t most = LIMIT_FLIGHT_FINGERPRINT;
	str looked_at = octets.len > most ? str_slice(octets, 0, most) : octets;
	size_t half = looked_at.len / 2;
	uint64_t h = (uint64_t)crc32c((uint32_t)looked_at.len, str_slice(looked_at, 0, half)) << 32 |
	             crc32c(0, str_from(looked_at, half));

	return h > 1 ? h : h + 2;
}

bool flight_is_quarantined(const struct flight *f, uint64_t fingerprint)
{
	return fingerprint > 1 && atomic_load_explicit(&f->any, memory_order_relaxed) &&
	       atomic_load_explicit(set_slot(f, fingerprint), memory_order_relaxed) == fingerprint;
}

err flight_list(struct flight *f, struct arena *arena, quarantine_entry **out, size_t *count)
{
	pthread_mutex_lock(&f->lock);
	size_t n = f->q.count;
	quarantine_entry *copy = arena_new(arena, quarantine_entry, n + 1);
	if (copy)
		memcpy(copy, f->q.entry, n * sizeof *copy);
	pthread_mutex_unlock(&f->lock);
	if (!copy)
		return ERR_NO_MEMORY;
	*out = copy;
	*count = n;
	return OK;
}

err flight_remove(struct flight *f, uint64_t fingerprint)
{
	struct arena scratch;
	err e = { ERR_MISSING, 0, "no message with this fingerprint is suspected; `doctor` lists them" };

	arena_init(&scratch, NULL, 4 * LIMIT_MB);
	pthread_mutex_lock(&f->lock);
	if (quarantine_remove(&f->q, fingerprint)) {
		_Atomic uint64_t *at = set_slot(f, fingerprint);
		if (atomic_load(at) == fingerprint)
			atomic_store(at, 1);
		e = quarantine_save(&scratch, f->quarantine_path, &f->q);
	}
	pthread_mutex_unlock(&f->lock);
	if (e.code != ERR_OK && e.code != ERR_MISSING)
		e.what = "the quarantine file can't be written; look at the disk's room and rights";
	arena_reset(&scratch);
	return e;
}

void flight_close(struct flight *f)
{
	if (!f)
		return;
	if (f->image) {
		if (atomic_load(&watched) == f->image) {
			atomic_store(&watched, NULL);
			for (int i = 0; i < FAULTS; i++)
				sigaction(faults[i], &former[i], NULL);
		}
		memset(f->image->slot, 0, sizeof f->image->slot);
		munmap(f->image, sizeof *f->image);
	}
	arena_reset(&f->arena);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
