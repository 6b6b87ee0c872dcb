/* base/probe.h: the hole through which a test may shoot a parser.
 *
 * Whether one poisonous message is set aside after it felled the service twice (flight slots) can only be
 * shown with a message that fells it, and a known one is a bug to be mended. So each push parser shows its
 * octets to this function before it looks at them: absent in the program, present in a preloaded library of
 * the tests, which aborts on octets of its choice. Costs one comparison with NULL a chunk. The executable is
 * linked with -Wl,-z,dynamic-undefined-weak, without which the linker settles the question at link time.
 */
#ifndef BASE_PROBE_H
#define BASE_PROBE_H

#include "base/str.h"

extern void postrider_test_probe(const char *octets, size_t len) __attribute__((weak));

static inline void probe(str octets)
{
	if (postrider_test_probe)
		postrider_test_probe(octets.ptr, octets.len);
}

#endif
