/* tests/preload/fault.h: the rules by which fault.so lets system calls fail or wait.
 *
 * They stand in a small file (FAULT_CONTROL) that tests/faults.py and every process under test map and
 * share, so a test switches faults on and off in a running server and reads how often they struck.
 * A call is held against the rules in order; each that fits counts it, and the first that strikes with
 * an error decides. The same calls meet the same fate each time: chance is a hash of the rule's count.
 */
#ifndef PRELOAD_FAULT_H
#define PRELOAD_FAULT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum fault_call {
	FAULT_WRITE = 1, /* write, writev, pwrite, pwritev, pwritev2 */
	FAULT_READ = 2,  /* read, pread, preadv2 */
	FAULT_FSYNC = 4,
	FAULT_FDATASYNC = 8,
	FAULT_OPEN = 16,
	FAULT_ACCEPT = 32,
	FAULT_MALLOC = 64, /* malloc, calloc, realloc; has no effect under a sanitizer's own allocator */
	FAULT_FALLOCATE = 128,
	FAULT_TRUNCATE = 256,
	FAULT_RENAME = 512,
	FAULT_LOGIN = 1024, /* getpwuid_r */
};

enum { FAULT_RULES = 8, FAULT_CHANCE_ALWAYS = 1000000 };

struct fault_rule {
	_Atomic uint32_t calls; /* enum fault_call; 0: the rule is off. Written last when it is set. */
	int32_t error;          /* errno to fail with; 0: only the delay */
	uint32_t skip;          /* so many fitting calls pass first */
	uint32_t count;         /* so many are struck, then the rule rests */
	uint32_t chance;        /* of FAULT_CHANCE_ALWAYS, that a fitting call is struck */
	uint32_t delay_us;
	uint32_t shortened; /* the first write struck is done by half instead of failed */
	uint32_t least;     /* allocations and writes of fewer octets do not fit */
	_Atomic uint64_t met;
	_Atomic uint64_t struck;
	char glob[80]; /* the path's pattern ('*' passes over '/'); accept, malloc and logins have none */
};

struct fault_control {
	struct fault_rule rules[FAULT_RULES];
};

static_assert(sizeof(struct fault_rule) == 128, "tests/faults.py packs it so");

#endif
