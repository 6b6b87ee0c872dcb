#include "smtp/command_line.h"

err smtp_command_line_parse(str line, struct smtp_command_line *out)
{
	size_t space;

	for (size_t i = 0; i < line.len; i++)
		if (line.ptr[i] == '\r' || line.ptr[i] == '\n' || line.ptr[i] == 0)
			return (err){ ERR_SYNTAX, (uint32_t)i, "there is a CR, LF or NUL in the line" };
	line = str_trim_wsp(line);
	space = str_find_char(line, ' ');
	out->verb = str_slice(line, 0, space);
	out->argument = str_trim_wsp(str_from(line, space));
	return OK;
}

err smtp_chunk_parse(str argument, struct smtp_chunk *out)
{
	str rest = argument, number = str_cut(&rest, ' ');
	struct smtp_chunk c = { 0 };

	rest = str_trim_wsp(rest);
	c.last = rest.len > 0;
	if (!str_to_u64(number, UINT64_MAX, &c.size))
		return (err){ ERR_SYNTAX, 0, "BDAT wants a number of octets, then maybe LAST" };
	if (c.last && !str_eq_nocase(rest, STR("LAST")))
		return (err){ ERR_SYNTAX, (uint32_t)number.len, "only LAST may follow the number of octets" };
	*out = c;
	return OK;
}
