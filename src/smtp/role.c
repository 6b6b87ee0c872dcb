#include "smtp/role.h"

#include "base/limits.h"

/* Strangers alone are held to waiting for the greeting: a program that sends without listening is a spammer's
 * on port 25 and somebody's own work anywhere else. */
const struct smtp_role smtp_roles[SMTP_ROLES] = {
	/* clang-format off */
	/*                          name                   service        lmtp   greets submission local  line_max */
	[SMTP_ROLE_MX] =          { SMTP_ROLE_MX,          "smtp",        false, true,  false,     false, LIMIT_SMTP_COMMAND_LINE },
	[SMTP_ROLE_SUBMISSION] =  { SMTP_ROLE_SUBMISSION,  "submission",  false, false, true,      false, LIMIT_SASL_LINE },
	[SMTP_ROLE_SUBMISSIONS] = { SMTP_ROLE_SUBMISSIONS, "submissions", false, false, true,      false, LIMIT_SASL_LINE },
	[SMTP_ROLE_LOCAL] =       { SMTP_ROLE_LOCAL,       "local",       false, false, true,      true,  LIMIT_SMTP_COMMAND_LINE },
	[SMTP_ROLE_LMTP] =        { SMTP_ROLE_LMTP,        "lmtp",        true,  false, false,     false, LIMIT_SMTP_COMMAND_LINE },
	/* clang-format on */
};
