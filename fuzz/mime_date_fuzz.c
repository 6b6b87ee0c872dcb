/* A date that can be read is written and read again as the same. */
#include <stdlib.h>

#include "mime/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	struct mime_date date = { 7, 7 }, again;
	char text[64];
	struct buf b;

	err e = mime_date_parse((str){ (const char *)octets, size }, &date);
	if (e.code != ERR_OK) {
		must(e.code == ERR_SYNTAX && date.ms == 7);
		return 0;
	}
	must(date.ms % 1000 == 0 && date.zone > -6100 && date.zone < 6100);
	buf_init_fixed(&b, text, sizeof text);
	mime_date_format(date, &b);
	must(buf_err(&b).code == ERR_OK);
	must(mime_date_parse(buf_str(&b), &again).code == ERR_OK);
	must(again.ms == date.ms && again.zone == date.zone);
	return 0;
}
