#include "command_table.h"

#include "cli/commands.h"
#include "supervisor.h"

const struct command *const command_table[] = {
	&init_command,   &serve_command,  &domain_command,  &account_command,
	&alias_command,  &app_command,    &route_command,   &queue_command,
	&trace_command,  &check_command,  &config_command,  &doctor_command,
	&verify_command, &backup_command, &restore_command, &send_command,
};

const size_t command_table_count = sizeof command_table / sizeof command_table[0];
