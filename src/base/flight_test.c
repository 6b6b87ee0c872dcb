#include "base/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

static struct arena arena;
static char directory[64];

static int setup(void **state)
{
	(void)state;
	arena_reset(&arena);
	arena_init(&arena, NULL, 64u * LIMIT_MB);
	strcpy(directory, "/tmp/postrider-flight-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static char *in_directory(const char *name)
{
	struct buf path;

	buf_init(&path, &arena, 256);
	buf_add(&path, str_of(directory));
	buf_add_format(&path, "/%s", name);
	return arena_z(&arena, buf_str(&path));
}

static int teardown(void **state)
{
	(void)state;
	unlink(in_directory("flight"));
	unlink(in_directory("flight.new"));
	unlink(in_directory("quarantine"));
	rmdir(directory);
	arena_reset(&arena);
	return 0;
}

static void fly(struct flight *f, const char *octets)
{
	ip network = { { [15] = 9 } };

	flight_set(flight_slot_take(f), FLIGHT_INCOMING, network, 42, flight_fingerprint(str_of(octets)));
}

static void *fly_and_stay(void *f)
{
	fly(f, "bystander");
	for (;;)
		pause();
	return NULL;
}

/* How a run ends. */
static void end_abort(struct flight *f)
{
	fly(f, "poison");
	abort();
}

static void end_fault(struct flight *f)
{
	volatile uintptr_t nowhere = 8;

	fly(f, "poison");
	*(volatile int *)nowhere = 1;
}

static unsigned deep(volatile char *above, unsigned n)
{
	volatile char here[1024];

	here[0] = above[0];
	return n == UINT32_MAX ? n : deep(here, n + 1) + (unsigned char)here[0];
}

static void *end_stack_thread(void *f)
{
	volatile char first = 1;

	fly(f, "poison");
	exit((int)deep(&first, 0) & 1);
}

static void end_stack(struct flight *f)
{
	pthread_t t;

	pthread_create(&t, NULL, end_stack_thread, f);
	pthread_join(t, NULL);
}

static void end_killed(struct flight *f)
{
	fly(f, "poison");
	(void)raise(SIGKILL);
}

static void end_landed(struct flight *f)
{
	struct flight_slot *s = flight_slot_take(f);

	flight_set(s, FLIGHT_STORED, (ip){ 0 }, 1, 2);
	flight_clear(s);
	abort();
}

static void end_beside_other(struct flight *f)
{
	pthread_t t;

	pthread_create(&t, NULL, fly_and_stay, f);
	usleep(20000);
	end_abort(f);
}

static void end_unslotted(struct flight *f)
{
	pthread_t t;

	pthread_create(&t, NULL, fly_and_stay, f);
	usleep(20000);
	abort();
}

static void end_well(struct flight *f)
{
	fly(f, "poison");
	flight_close(f);
	_exit(0);
}

/* A child process that opens the files in `directory` and ends as told. cmocka's handlers are taken away. */
static void run(void (*end)(struct flight *))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct flight *f;
		prctl(PR_SET_DUMPABLE, 0); /* no core files */
		for (int s = 1; s < NSIG; s++)
			(void)signal(s, SIG_DFL); /* KILL and STOP refuse */
		if (!freopen("/dev/null", "w", stderr) || flight_open(str_of(directory), &f).code != ERR_OK)
			_exit(99);
		end(f);
		_exit(98);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(end == end_well ? WIFEXITED(status) : WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
}

static const struct {
	const char *name;
	void (*end)(struct flight *);
	const char *suspects[2];
} ends[] = {
	{ "abort", end_abort, { "poison" } },
	{ "fault", end_fault, { "poison" } },
	{ "end of the stack", end_stack, { "poison" } },
	{ "kill -9", end_killed, { 0 } },
	{ "abort after landing", end_landed, { 0 } },
	{ "another thread flies too", end_beside_other, { "poison" } },
	{ "the faulting thread has no slot", end_unslotted, { "bystander" } },
	{ "well", end_well, { 0 } },
};

static void test_ends(void **state)
{
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct flight *f = NULL;
		size_t count = 0, want = ends[i].suspects[0] != NULL;

		print_message("%s\n", ends[i].name);
		run(ends[i].end);
		assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
		const quarantine_entry *suspects = flight_suspects(f, &count);
		assert_int_equal(flight_trouble(f).code, ERR_OK);
		assert_int_equal(count, want);
		if (want) {
			assert_true(suspects[0].fingerprint ==
			            flight_fingerprint(str_of(ends[i].suspects[0])));
			assert_int_equal(suspects[0].id, 42);
			assert_int_equal(suspects[0].kind, FLIGHT_INCOMING);
			assert_int_equal(suspects[0].network.octets[15], 9);
		}
		flight_close(f);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

static void test_second_crash_quarantines(void **state)
{
	uint64_t poison = flight_fingerprint(STR("poison"));
	struct flight *f = NULL;
	quarantine_entry *list;
	size_t count;

	(void)state;
	run(end_abort);
	assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
	assert_false(flight_is_quarantined(f, poison));
	flight_close(f);
	run(end_well);
	run(end_abort);
	run(end_killed);
	assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
	flight_suspects(f, &count);
	assert_int_equal(count, 0); /* the last run was killed, the one before fell */
	assert_true(flight_is_quarantined(f, poison));
	assert_false(flight_is_quarantined(f, poison + 1));
	assert_false(flight_is_quarantined(f, 0));
	assert_false(flight_is_quarantined(f, 1));
	assert_int_equal(flight_list(f, &arena, &list, &count).code, ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].crashes, 2);
	assert_int_equal(flight_remove(f, poison + 1).code, ERR_MISSING);
	assert_int_equal(flight_remove(f, poison).code, ERR_OK);
	assert_false(flight_is_quarantined(f, poison));
	assert_int_equal(flight_remove(f, poison).code, ERR_MISSING);
	flight_close(f);
	assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
	assert_false(flight_is_quarantined(f, poison));
	flight_close(f);
}

/* Whatever stands in the slot file, the start goes on and works. */
static void test_damaged_file(void **state)
{
	static char noise[16384];
	struct flight *f = NULL;
	str image = { 0 };
	size_t count;

	(void)state;
	run(end_abort);
	assert_int_equal(file_read_all(&arena, str_of(in_directory("flight")), LIMIT_MB, &image).code,
	                 ERR_OK);
	for (size_t len = 0; len < sizeof noise; len = len * 2 + 1) {
		memset(noise, (int)len, sizeof noise);
		assert_int_equal(
			file_replace(&arena, str_of(in_directory("flight")), (str){ noise, len }, 0600).code,
			ERR_OK);
		assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
		flight_suspects(f, &count);
		assert_int_equal(count, 0);
		flight_close(f);
	}
	for (size_t i = 0; i < 32; i++) { /* the head: another version, size or boot */
		char *copy = arena_z(&arena, image);
		copy[i] ^= 1;
		assert_int_equal(
			file_replace(&arena, str_of(in_directory("flight")), (str){ copy, image.len }, 0600)
				.code,
			ERR_OK);
		assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
		flight_suspects(f, &count);
		assert_int_equal(count, 0);
		flight_close(f);
	}
	char *copy = arena_z(&arena, image);
	memset(copy + 64, 0xee, image.len - 64); /* slots full of nonsense: kinds that do not exist */
	assert_int_equal(
		file_replace(&arena, str_of(in_directory("flight")), (str){ copy, image.len }, 0600).code,
		ERR_OK);
	assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
	flight_suspects(f, &count);
	assert_int_equal(count, 0);
	flight_close(f);
}

static void test_unusable_directory(void **state)
{
	struct flight *f = NULL;

	(void)state;
	assert_int_equal(flight_open(STR("/proc/nonexistent/postrider"), &f).code, ERR_OK);
	assert_int_equal(flight_trouble(f).code, ERR_MISSING);
	assert_non_null(flight_trouble(f).what);
	struct flight_slot *s = flight_slot_take(f);
	assert_non_null(s);
	flight_set(s, FLIGHT_INCOMING, (ip){ 0 }, 1, 2);
	flight_slot_give(f, s);
	flight_close(f);
}

static void *take_one(void *f) { return flight_slot_take(f); }

static void test_slots_end(void **state)
{
	struct flight *f = NULL;
	void *slot;
	pthread_t t;

	(void)state;
	assert_int_equal(flight_open(str_of(directory), &f).code, ERR_OK);
	for (size_t i = 0; i < LIMIT_FLIGHT_SLOTS; i++) {
		assert_int_equal(pthread_create(&t, NULL, take_one, f), 0);
		pthread_join(t, &slot);
		assert_non_null(slot);
	}
	assert_null(flight_slot_take(f));
	flight_set(NULL, FLIGHT_INCOMING, (ip){ 0 }, 1, 2);
	flight_clear(NULL);
	flight_slot_give(f, NULL);
	flight_close(f);
}

static void test_fingerprint(void **state)
{
	static char octets[LIMIT_FLIGHT_FINGERPRINT + 1];
	uint64_t first = flight_fingerprint((str){ octets, LIMIT_FLIGHT_FINGERPRINT });

	(void)state;
	octets[LIMIT_FLIGHT_FINGERPRINT] = 1; /* past what it covers */
	assert_true(first == flight_fingerprint((str){ octets, LIMIT_FLIGHT_FINGERPRINT + 1 }));
	octets[LIMIT_FLIGHT_FINGERPRINT - 1] = 1;
	assert_false(first == flight_fingerprint((str){ octets, LIMIT_FLIGHT_FINGERPRINT + 1 }));
	assert_true(flight_fingerprint(STR("")) > 1);
	/* Files hold them: they stay what they are. */
	assert_true(flight_fingerprint(STR("poison")) == 0x99c7347f769266f0u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_crash_quarantines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unusable_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slots_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fingerprint, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
