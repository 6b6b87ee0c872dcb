/* What is made of an address leads back to it and to nobody else's key; no local part that was not made by us
 * leads anywhere; nothing is longer than it may be. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "bounce/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

#define NOW INT64_C(1764000000000)

static void must(bool law)
{
	if (!law)
		abort();
}

static void there_and_back(str address)
{
	char there[2 * LIMIT_PATH], back[2 * LIMIT_PATH];
	struct buf out, home;

	buf_init_fixed(&out, there, sizeof there);
	if (srs_forward(&out, STR("key"), NOW, address, STR("ours.example")).code != ERR_OK) {
		must(out.len == 0);
		return;
	}
	str local_part = str_slice(buf_str(&out), 0, out.len - strlen("@ours.example"));
	must(local_part.len <= LIMIT_LOCAL_PART && srs_is(local_part));
	buf_init_fixed(&home, back, sizeof back);
	err e = srs_reverse(&home, STR("key"), NOW, local_part);
	bool first = local_part.ptr[3] == '0';
	must(!first || (e.code == ERR_OK && str_eq(buf_str(&home), address)));
	must(e.code != ERR_DENIED);
	must(srs_reverse(&home, STR("other key"), NOW, local_part).code != ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size };
	char room[2 * LIMIT_PATH];
	struct buf out;

	if (size > LIMIT_PATH)
		return 0;
	there_and_back(in);
	buf_init_fixed(&out, room, sizeof room);
	must(srs_reverse(&out, STR("key"), NOW, in).code != ERR_OK || in.len > 11);
	return 0;
}
