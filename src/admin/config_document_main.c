/* Prints doc/config.md: build/src/admin/config_document > doc/config.md */
#include <stdio.h>

#include "admin/config.h"

int main(void)
{
	static char text[64 * LIMIT_KB];
	struct buf out;

	buf_init_fixed(&out, text, sizeof text);
	config_document(&out);
	if (buf_err(&out).code != ERR_OK)
		return 70;
	return fwrite(text, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 74;
}
