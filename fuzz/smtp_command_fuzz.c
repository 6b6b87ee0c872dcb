/* A line is cut into parts of itself that hold no line end. */
#include <stdlib.h>

#include "smtp/command_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size);

static void must(bool law)
{
	if (!law)
		abort();
}

static bool is_within(str part, str whole)
{
	return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	str line = { (const char *)octets, size };
	struct smtp_command_line parsed;
	err e = smtp_command_line_parse(line, &parsed);

	if (e.code == ERR_OK) {
		must(is_within(parsed.verb, line) && is_within(parsed.argument, line));
		must(str_find_char(parsed.verb, ' ') == parsed.verb.len);
		must(str_find_char(parsed.argument, '\n') == parsed.argument.len);
	} else {
		must(e.at < size && (octets[e.at] == 0 || octets[e.at] == 0x0d || octets[e.at] == 0x0a));
	}
	return 0;
}
