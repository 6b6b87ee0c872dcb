/* What queue_id_parse takes with a number, queue_id_add writes; and that is the same again. */
#include <stdlib.h>

#include "queue/queue_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str in = { (const char *)octets, size }, message_id = STR(""), again_id = STR("");
	uint64_t queue_id = 0, again = 0;
	char room[64];
	struct buf out;

	if (queue_id_parse(in, &message_id, &queue_id).code != ERR_OK || queue_id == 0)
		return 0;
	buf_init_fixed(&out, room, sizeof room);
	queue_id_add(&out, message_id, queue_id);
	must(buf_err(&out).code == ERR_OK && out.len <= size); /* leading zeros go */
	must(queue_id_parse(buf_str(&out), &again_id, &again).code == ERR_OK);
	must(again == queue_id && str_eq(again_id, message_id));
	return 0;
}
