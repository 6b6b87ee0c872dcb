#include "smtp/role.h"

#include "base/limits.h"

/* Strangers alone are held to waiting for the greeting: a program that sends without listening is a spammer's
 * on port 25 and somebody's own work anywhere else. */
const struct smtp_role smtp_roles[SMTP_ROLES] = {
	/* clang-format off */
	/*                          service        name                   lmtp   greets submission local  line_max */
	[SMTP_ROLE_MX] =          { "smtp",        SMTP_ROLE_MX,          false, true,  false,     false, LIMIT_SMTP_COMMAND_LINE },
	[SMTP_ROLE_SUBMISSION] =  { "submission",  SMTP_ROLE_SUBMISSION,  false, false, true,      false, LIMIT_SASL_LINE },
	[SMTP_ROLE_SUBMISSIONS] = { "submissions", SMTP_ROLE_SUBMISSIONS, false, false, true,      false, LIMIT_SASL_LINE },
	[SMTP_ROLE_LOCAL] =       { "local",       SMTP_ROLE_LOCAL,       false, false, true,      true,  LIMIT_SMTP_COMMAND_LINE },
	[SMTP_ROLE_LMTP] =        { "lmtp",        SMTP_ROLE_LMTP,        true,  false, false,     false, LIMIT_SMTP_COMMAND_LINE },
	/* clang-format on */
};
