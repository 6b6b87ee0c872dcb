#include "cli/commands.h"
#include "supervisor.h"

int main(int argc, char **argv)
{
	static const struct command *const commands[] = {
		&init_command,   &serve_command,  &domain_command, &account_command,
		&alias_command,  &trace_command,  &check_command,  &config_command,
		&doctor_command, &verify_command, &backup_command, &restore_command,
	};

	return command_main(commands, sizeof commands / sizeof commands[0], argc, argv);
}
