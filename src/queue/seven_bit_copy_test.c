#include "queue/seven_bit_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/flight.h"
#include "base/limits.h"

static char directory[] = "/tmp/seven-bit-copy-test-XXXXXX";
static struct flight *flight;
static file in, out;

static file scratch(void)
{
	file f = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(f >= 0);
	return f;
}

static int set_up(void **state)
{
	(void)state;
	in = scratch();
	out = scratch();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	file_close(&in);
	file_close(&out);
	return 0;
}

static void put(str octets, uint64_t offset)
{
	struct iovec part = { (void *)(uintptr_t)octets.ptr, octets.len };

	assert_int_equal(file_write_at(in, &part, 1, offset).code, ERR_OK);
}

/* To the end, in as many slices as it takes; their number. */
static err run(uint64_t offset, uint64_t size, bool slowly, uint64_t *copied, unsigned *slices)
{
	struct seven_bit_copy *copy;
	bool done = false;

	TRY(seven_bit_copy_new(flight, in, offset, size, out, &copy));
	err e = OK;
	for (*slices = 0; e.code == ERR_OK && !done; (*slices)++)
		e = seven_bit_copy_run(copy, slowly ? 0 : clock_tick_ms() + 60000, &done);
	if (e.code == ERR_OK)
		*copied = seven_bit_copy_size(copy);
	seven_bit_copy_free(copy);
	return e;
}

#define HEAD "MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
#define BLOCKS 40

/* Content amid others' octets, of several blocks, at once and in slices. */
static void test_copy(void **state)
{
	static char octets[BLOCKS * LIMIT_BLOCK], copy[2 * sizeof octets];
	uint64_t copied = 0;
	unsigned slices;
	str head = STR(HEAD "\r\n");

	(void)state;
	memset(octets, '\xff', sizeof octets);
	memcpy(octets, head.ptr, head.len);
	put(STR("before"), 0);
	put((str){ octets, sizeof octets }, 6);
	put(STR("behind"), 6 + sizeof octets);
	for (int slowly = 0; slowly < 2; slowly++) {
		assert_int_equal(run(6, sizeof octets, slowly, &copied, &slices).code, ERR_OK);
		assert_int_equal(slices, slowly ? 2 * BLOCKS + 2 : 1);
		size_t body = sizeof octets - head.len, base64 = (body + 2) / 3 * 4;
		str new_head = STR(HEAD "Content-Transfer-Encoding: base64\r\n\r\n");
		assert_int_equal(copied, new_head.len + base64 + 2 * ((base64 + 75) / 76));
		assert_int_equal(file_read_at(out, copy, (size_t)copied, 0).code, ERR_OK);
		assert_memory_equal(copy, new_head.ptr, new_head.len);
		assert_memory_equal(copy + new_head.len, "////", 4);
		assert_memory_equal(copy + copied - 2, "\r\n", 2);
		assert_int_equal(ftruncate(out, 0), 0);
	}
}

static void test_nothing_to_do(void **state)
{
	struct stat status;
	uint64_t copied = 1;
	unsigned slices;
	str message = STR("Subject: x\r\n\r\nplain\r\n");

	(void)state;
	put(message, 0);
	assert_int_equal(run(0, message.len, false, &copied, &slices).code, ERR_OK);
	assert_int_equal(copied, 0);
	assert_int_equal(fstat(out, &status), 0);
	assert_int_equal(status.st_size, 0);
	copied = 1;
	assert_int_equal(run(0, 0, false, &copied, &slices).code, ERR_OK);
	assert_int_equal(copied, 0);
}

static void test_refusals(void **state)
{
	uint64_t copied = 77;
	unsigned slices;
	str message = STR("Subject: \xe9\r\n\r\nx\r\n"), good = STR("X: y\r\n\r\ncaf\xe9 au lait\r\n");

	(void)state;
	put(message, 0);
	assert_int_equal(run(0, message.len, false, &copied, &slices).code, ERR_DENIED);
	put(good, 0);
	assert_int_equal(ftruncate(in, (off_t)good.len), 0);
	assert_int_equal(run(0, good.len + 1, false, &copied, &slices).code, ERR_CORRUPT);
	assert_int_equal(run(1, good.len, false, &copied, &slices).code, ERR_CORRUPT);
	/* a file that can't be written */
	file_close(&out);
	out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(run(0, good.len, false, &copied, &slices).code, ERR_IO);
	assert_int_equal(copied, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_to_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
	};

	assert(mkdtemp(directory));
	assert(flight_open(str_of(directory), &flight).code == ERR_OK);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	flight_close(flight);
	char path[sizeof directory + 16];
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", directory, i ? "quarantine" : "flight");
		unlink(path);
	}
	rmdir(directory);
	return failed;
}
