/* Replies as servers say them, and the row that each one finds. */
#include "bounce/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/limits.h"

#define GMAIL "gmail-smtp-in.l.google.com"
#define OUTLOOK "shop-example.mail.protection.outlook.com"
#define YAHOO "mta7.am0.yahoodns.net"
#define ICLOUD "mx01.mail.icloud.com"
#define GMX "mx00.gmx.net"
#define TELEKOM "mx01.t-online.de"
#define QQ "mx3.qq.com"
#define NETEASE "163mx03.mxmail.netease.com"
#define ELSE "mx.shop.example"

static const struct {
	const char *host, *reply, *key;
} rows[] = {
	/* clang-format off */
	{ GMAIL, "421 4.7.28 Gmail has detected an unusual rate of mail originating from your IP address", "gmail-rate" },
	{ GMAIL, "421 4.7.0 Our system has detected an unusual rate of unsolicited mail", "gmail-rate" },
	{ GMAIL, "550 5.7.28 There is an unusual rate of unsolicited mail originating from your", "gmail-flood" },
	{ GMAIL, "550 5.7.1 Our system has detected that this message is likely suspicious due to the\n5.7.1 very low reputation of the sending domain", "gmail-reputation" },
	{ GMAIL, "550 5.7.1 due to the very low\n5.7.1 reputation of the sending IP address", "gmail-reputation" },
	{ GMAIL, "421 4.7.29 Your email has been rate limited because this message wasn't sent over a TLS connection", "gmail-tls" },
	{ GMAIL, "550 5.7.29 This mail has been blocked", "gmail-tls" },
	{ GMAIL, "550 5.7.30 This mail has been blocked because DKIM does not pass.", "gmail-dkim" },
	{ GMAIL, "421 4.7.30 Your email has been rate limited because DKIM authentication didn't pass", "gmail-dkim" },
	{ GMAIL, "421 4.7.27 Your email has been rate limited because SPF authentication didn't pass", "gmail-spf" },
	{ GMAIL, "550 5.7.24 The SPF record of the sending domain has one or more suspicious entries.", "gmail-spf-record" },
	{ GMAIL, "421 4.7.32 Your email has been rate limited because the From: header isn't aligned", "gmail-alignment" },
	{ GMAIL, "421 4.7.31 rate limited", "gmail-alignment" },
	{ GMAIL, "550 5.7.25 The IP address sending this message does not have a PTR record setup", "gmail-ptr" },
	{ GMAIL, "550 5.7.26 Unauthenticated email from shop.example is not accepted due to domain's\n5.7.26 DMARC policy. d-20020a - gsmtp", "gmail-dmarc" },
	{ GMAIL, "550 5.7.26 This mail has been blocked because the sender is unauthenticated.", "gmail-unauthenticated" },
	{ ELSE, "550 5.7.26 This mail has been blocked because the sender is unauthenticated. x - gsmtp", "gmail-unauthenticated" },
	{ GMAIL, "550 5.7.1 Our system has detected that this message is likely unsolicited mail. ?p=UnsolicitedMessageError", "gmail-spam" },
	{ GMAIL, "550 5.7.1 The IP you're using to send mail is not authorized to send email directly to our servers.", "gmail-direct" },
	{ GMAIL, "550 5.7.1 Messages with multiple addresses in From: header are not accepted", "gmail-form" },
	{ GMAIL, "552 5.7.0 This message was blocked because its content presents a potential security issue.", "gmail-attachment" },
	{ "smtp.gmail.com", "550 5.4.5 Daily user sending limit exceeded.", "gmail-daily-limit" },
	{ GMAIL, "421 4.4.5 Server busy, try again later.", "congestion" },
	{ GMAIL, "450 4.2.1 The user you are trying to contact is receiving mail too quickly.", "gmail-recipient-rate" },
	{ "smtp-relay.gmail.com", "550 5.7.0 Mail relay denied 192.0.2.1.", "gmail-relay" },
	{ "smtp.gmail.com", "535 5.7.8 Username and Password not accepted.", "gmail-app-password" },
	{ GMAIL, "550 5.7.1 This message violates example.com email policy. - gcdp x - gsmtp", "gmail-workspace-rule" },
	{ GMAIL, "421 4.7.0 Try again later, closing connection.", "gmail-busy" },
	{ GMAIL, "550 5.1.1 The email account that you tried to reach does not exist. ?p=NoSuchUser", "no-mailbox" },
	{ GMAIL, "552 5.2.2 The recipient's inbox is out of storage space and inactive.", "full" },
	{ GMAIL, "452 4.2.2 The recipient's inbox is out of storage space.", "full" },

	{ OUTLOOK, "550 5.7.515 Access denied, sending domain shop.example doesn't meet the required authentication level.", "outlook-bulk" },
	{ OUTLOOK, "550 5.7.509 Access denied, sending domain shop.example does not pass DMARC verification", "outlook-dmarc" },
	{ OUTLOOK, "550 5.7.23 The message was rejected because of Sender Policy Framework violation", "outlook-spf" },
	{ OUTLOOK, "550 5.7.606 Access denied, banned sending IP [192.0.2.1].", "outlook-banned" },
	{ OUTLOOK, "550 5.7.649 Access denied, banned sending IP [192.0.2.1].", "outlook-banned" },
	{ OUTLOOK, "550 5.7.511 Access denied, banned sender[192.0.2.1].", "outlook-banned" },
	{ OUTLOOK, "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant", "outlook-form" },
	{ OUTLOOK, "550 5.7.501 Access denied, spam abuse detected.", "outlook-account" },
	{ OUTLOOK, "550 5.7.503 Access denied, banned sender.", "outlook-account" },
	{ OUTLOOK, "550 5.7.506 Access Denied, Bad HELO", "outlook-helo" },
	{ OUTLOOK, "550 5.7.513 Client host [192.0.2.1] blocked by far.example using Customer Block list", "outlook-recipient-blocks" },
	{ OUTLOOK, "550 5.7.510 Access denied, far.example does not accept email over IPv6", "outlook-ipv6" },
	{ "smtp.office365.com", "530 5.7.57 Client not authenticated to send mail.", "outlook-login" },
	{ "smtp.office365.com", "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", "outlook-basic-login" },
	{ OUTLOOK, "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", "outlook-restricted" },
	{ OUTLOOK, "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. (S775)", "outlook-rate" },
	{ OUTLOOK, "451 4.7.500 Server busy. Please try again later from [192.0.2.1].", "outlook-suspicious" },
	{ OUTLOOK, "451 4.7.899 Access denied, please try again later", "outlook-suspicious" },
	{ OUTLOOK, "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. part of their network is on our block list (S3150).", "outlook-block-list" },
	{ ELSE, "550 5.7.1 Unfortunately, messages weren't sent. (S3140) [AM6.eop-eur05.prod.protection.outlook.com]", "outlook-block-list" },
	{ OUTLOOK, "421 RP-001 Unfortunately, some messages from 192.0.2.1 weren't sent.", "outlook-limits" },
	{ OUTLOOK, "550 OU-002 Unfortunately, messages from 192.0.2.1 weren't sent.", "outlook-listed" },
	{ OUTLOOK, "550 SC-001 Unfortunately, messages from 192.0.2.1 weren't sent.", "outlook-policy" },
	{ OUTLOOK, "550 HC-001 Unfortunately, messages from 192.0.2.1 weren't sent.", "outlook-policy" },
	{ OUTLOOK, "550 DY-001 Unfortunately, messages from 192.0.2.1 weren't sent.", "outlook-dynamic" },
	{ OUTLOOK, "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "outlook-no-recipient" },
	{ OUTLOOK, "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", "outlook-unavailable" },
	{ OUTLOOK, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "recipient-null-mx" },
	{ OUTLOOK, "552 5.2.2 mailbox full", "full" },

	{ YAHOO, "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints", "yahoo-complaints" },
	{ YAHOO, "421 4.7.0 [TSS05] Messages from 192.0.2.1 temporarily deferred", "yahoo-complaints" },
	{ YAHOO, "421 4.7.0 [TS01] Messages from 192.0.2.1 temporarily deferred due to user complaints", "yahoo-complaints" },
	{ YAHOO, "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred", "yahoo-for-good" },
	{ YAHOO, "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.", "yahoo-for-good" },
	{ YAHOO, "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list", "yahoo-listed" },
	{ YAHOO, "554 Message not allowed - [PH01] Email not accepted for policy reasons.", "yahoo-phishing" },
	{ YAHOO, "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes", "yahoo-unauthenticated" },
	{ YAHOO, "554 delivery error: dd This user doesn't have a yahoo.com account (bob@yahoo.com) [0]", "yahoo-no-mailbox" },
	{ YAHOO, "554 30 Sorry, your message to bob@aol.com cannot be delivered. This mailbox is disabled (554.30).", "yahoo-no-mailbox" },
	{ YAHOO, "451 Message temporarily deferred due to unresolvable RFC.5321 from domain.", "yahoo-sender-domain" },
	{ YAHOO, "450 User is receiving mail too quickly", "yahoo-recipient-rate" },

	{ ICLOUD, "554 5.7.1 Your message was rejected due to shop.example's DMARC policy.", "icloud-unauthenticated" },
	{ ICLOUD, "550 5.7.1 [CS01] Message rejected due to local policy.", "icloud-policy" },
	{ ICLOUD, "554 5.7.1 [HM08] Message rejected", "icloud-policy" },
	{ ICLOUD, "421 4.7.1 Messages to bob@icloud.com deferred due to excessive volume.", "icloud-volume" },
	{ ICLOUD, "550 5.1.6 recipient no longer on server: bob@icloud.com", "moved" },

	{ GMX, "554 gmx.net (mxgmx104) Nemesis ESMTP Service not available\nNo SMTP service\nBad DNS PTR resource record.", "gmx-ptr" },
	{ GMX, "550 Requested action not taken: mailbox unavailable\ninvalid DNS MX or A/AAAA resource record", "gmx-sender-domain" },
	{ GMX, "421 Rate limit reached. Please try again later", "gmx-rate" },
	{ GMX, "554 gmx.net Nemesis ESMTP Service not available\nNo SMTP service\nIP address is block listed.", "gmx-listed" },
	{ "mx-ha03.web.de", "550 Requested action not taken: mailbox unavailable", "gmx-no-mailbox" },
	{ GMX, "554 Transaction failed\nReject due to policy restrictions.", "gmx-policy" },
	{ TELEKOM, "554 IP=192.0.2.1 - None/bad reputation. Ask your postmaster for help or to contact tosa@rx.t-online.de for reset. (NOWL)", "t-online-unknown" },
	{ "", "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)", "t-online-unknown" },
	{ TELEKOM, "554 IP=192.0.2.1 - Dialup/transient IP not allowed. Use a mailgateway (DIAL)", "t-online-dialup" },
	{ "mxs.mail.ru", "550 Spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=x", "mail-ru-spam" },
	{ "mxs.mail.ru", "550 Access from ip address 192.0.2.1 blocked. Visit http://help.mail.ru/notspam-support/", "mail-ru-blocked" },
	{ QQ, "550 Ip frequency limited. http://service.mail.qq.com/", "qq-rate" },
	{ QQ, "550 Suspected spam ip", "qq-address" },
	{ QQ, "550 Mail content denied.", "qq-spam" },
	{ QQ, "550 SPF check failed", "qq-unauthenticated" },
	{ QQ, "550 Mail is rejected by recipients", "qq-recipient" },
	{ NETEASE, "554 DT:SPM 163 mx26,PsCowEDp+x9y 1700000000", "netease-spam" },
	{ NETEASE, "421 HL:REP 163 mx26", "netease-listed" },
	{ NETEASE, "450 MI:IMF 163 mx26", "netease-rate" },
	{ NETEASE, "554 RP:TRC 163 mx26", "netease-rate" },

	{ "", "it could not be delivered in time", "expired" },
	{ "", "no connection: no answer in time", "no-answer" },
	{ "", "no connection: connection refused", "connection-refused" },
	{ "", "no connection: network is unreachable", "no-connection" },
	{ "", "TLS is required, and the server does not offer it", "tls-lacking" },
	{ "", "the server's certificate is not trusted: self-signed certificate", "certificate" },
	{ "", "no TLS handshake in time", "tls-failed" },
	{ "", "the server offers no login that is known here", "route-login" },
	{ "", "no answer to MAIL in time", "timed-out" },
	{ "", "the connection ended before the server said whether it took the message", "connection-lost" },
	{ "", "EHLO was answered by what makes no sense", "no-sense" },
	{ "", "far.example takes no mail, as it says itself (null MX)", "null-mx" },
	{ "", "starttls-login.example does not exist", "no-domain" },
	{ "", "far.example has mail servers with private addresses only", "no-server" },
	{ "", "far.example has this server as its mail server, which does not keep its mail", "points-here" },
	{ "", "far.example could not be looked up in the DNS: no answer", "dns" },
	{ "", "the message is larger than the next server takes", "too-big" },
	{ "", "the next server takes 7-bit messages only, and this one must not be changed", "seven-bit" },
	{ "", "the next server takes no addresses or header fields outside of ASCII", "not-international" },
	{ "", "the next server can't promise delivery within the time that was asked for", "no-promise" },

	{ ELSE, "450 4.2.0 <bob@far.example>: Recipient address rejected: Greylisted, see http://postgrey", "greylisting" },
	{ ELSE, "451 4.7.1 Greylisting in action, please come back later", "greylisting" },
	{ ELSE, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "spamhaus" },
	{ ELSE, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.spamcop.net", "block-list" },
	{ ELSE, "550 Rejected: 192.0.2.1 listed at ix.dnsbl.manitu.net", "block-list" },
	{ ELSE, "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", "rdns" },
	{ ELSE, "504 5.5.2 <mail>: Helo command rejected: need fully-qualified hostname", "helo" },
	{ ELSE, "554 5.7.1 <bob@far.example>: Relay access denied", "relay" },
	{ ELSE, "550 relay not permitted", "relay" },
	{ ELSE, "550 5.7.1 rejected by DMARC policy for shop.example", "dmarc" },
	{ ELSE, "530 5.7.0 Must issue a STARTTLS command first", "starttls" },
	{ ELSE, "450 4.1.8 <ann@shop.example>: Sender address rejected: Domain not found", "sender-address" },
	{ ELSE, "550 Sender verify failed", "sender-address" },
	{ ELSE, "552 5.7.0 message contains a virus (Eicar-Test)", "malware" },
	{ ELSE, "452 4.2.2 <bob@far.example> Mailbox is full", "full" },
	{ ELSE, "550 Account is disabled", "disabled" },
	{ ELSE, "550 no such user here", "no-mailbox-text" },
	{ ELSE, "553 sorry, no mailbox here by that name. (#5.7.1)", "no-mailbox-text" },
	{ ELSE, "421 4.7.0 mx.far.example Error: too many connections from 192.0.2.1", "connections" },
	{ ELSE, "450 4.7.1 Error: too much mail from 192.0.2.1", "rate" },
	{ ELSE, "452 too many recipients", "recipients" },
	{ ELSE, "552 message size exceeds fixed maximum message size", "size" },
	{ ELSE, "550 5.7.1 SPF fail - not authorized", "spf" },
	{ ELSE, "550 5.7.1 no valid DKIM signature", "dkim" },
	{ ELSE, "530 Authentication required", "route-auth" },
	{ ELSE, "550 5.7.1 your address looks like a dynamic IP", "dynamic" },
	{ ELSE, "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; bare LF", "line-ends" },
	{ ELSE, "554 5.7.1 Spam message rejected", "spam" },
	{ ELSE, "550 This message was classified as SPAM", "spam" },
	{ ELSE, "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", "reputation" },
	{ ELSE, "550 Requested action not taken: mailbox unavailable", "unavailable" },
	{ ELSE, "452 Insufficient system storage", "server-disk" },

	{ ELSE, "550 5.1.1 <bob@far.example>: Recipient address rejected: User unknown in virtual mailbox table", "no-mailbox" },
	{ ELSE, "553 sorry, nobody here by that name. (#5.1.1)", "no-mailbox" },
	{ ELSE, "550 5.1.2 bad destination system", "no-host" },
	{ ELSE, "501 5.1.3 Bad recipient address syntax", "address-form" },
	{ ELSE, "550 5.1.4 ambiguous", "ambiguous" },
	{ ELSE, "551 5.1.6 gone to bob@else.example", "moved" },
	{ ELSE, "501 5.1.7 Bad sender address syntax", "sender-form" },
	{ ELSE, "550 5.1.8 domain has no MX", "sender-domain" },
	{ ELSE, "550 5.7.27 MAIL FROM domain has null MX", "sender-domain" },
	{ ELSE, "556 5.1.10 null MX", "recipient-null-mx" },
	{ ELSE, "550 5.1.0 Address rejected", "address" },
	{ ELSE, "550 5.2.1 mailbox shut", "mailbox-disabled" },
	{ ELSE, "452 4.2.2 no room", "mailbox-full" },
	{ ELSE, "552 5.2.3 over what this one takes", "mailbox-size" },
	{ ELSE, "550 5.2.4 list expansion problem", "list" },
	{ ELSE, "550 5.2.0 trouble", "mailbox" },
	{ ELSE, "452 4.3.1 Insufficient system resources", "system-full" },
	{ ELSE, "521 5.3.2 mx.far.example does not accept mail", "host-no-mail" },
	{ ELSE, "421 4.3.2 shutting down", "host-busy" },
	{ ELSE, "550 5.3.3 not capable", "system-feature" },
	{ ELSE, "552 5.3.4 limit is 10240000 octets", "system-size" },
	{ ELSE, "451 4.3.5 Server configuration problem", "system-config" },
	{ ELSE, "450 4.7.15 Priority level is too low", "priority" },
	{ ELSE, "451 4.3.0 Temporary lookup failure", "system" },
	{ ELSE, "450 4.4.1 no answer from host", "host-silent" },
	{ ELSE, "421 4.4.2 Error: timeout exceeded", "bad-connection" },
	{ ELSE, "451 4.4.3 DNS did not answer", "directory" },
	{ ELSE, "550 5.4.4 unable to route", "no-way" },
	{ ELSE, "450 4.4.5 congested", "congestion" },
	{ ELSE, "554 5.4.6 Too many hops", "loop" },
	{ ELSE, "550 5.4.7 Delivery time expired", "time-over" },
	{ ELSE, "450 4.4.0 trouble", "network" },
	{ ELSE, "452 4.5.3 no more of them", "many-recipients" },
	{ ELSE, "503 5.5.1 Bad sequence of commands", "protocol" },
	{ ELSE, "550 5.6.7 non-ASCII addresses not permitted for that sender/recipient", "international" },
	{ ELSE, "550 5.6.1 Media not supported", "media" },
	{ ELSE, "554 5.6.3 Conversion required but not supported", "conversion" },
	{ ELSE, "554 5.6.5 Conversion failed", "conversion" },
	{ ELSE, "554 5.6.0 not conformant", "content" },
	{ ELSE, "550 5.7.20 No passing signature found", "no-dkim" },
	{ ELSE, "550 5.7.23 validation failed", "spf-failed" },
	{ ELSE, "451 4.7.24 validation error", "spf-error" },
	{ ELSE, "550 5.7.25 validation failed", "no-rdns" },
	{ ELSE, "550 5.7.26 Multiple authentication checks failed", "unauthenticated" },
	{ ELSE, "450 4.7.28 flood detected", "flood" },
	{ ELSE, "550 5.7.29 ARC validation failure", "arc" },
	{ ELSE, "550 5.7.30 REQUIRETLS needed", "require-tls" },
	{ ELSE, "535 5.7.8 Error: authentication failed", "password" },
	{ ELSE, "534 5.7.9 Authentication mechanism is too weak", "mechanism" },
	{ ELSE, "525 5.7.13 User Account Disabled", "login-disabled" },
	{ ELSE, "550 5.7.17 Mailbox owner has changed", "owner-changed" },
	{ ELSE, "454 4.7.5 Cryptographic failure", "crypto" },
	{ ELSE, "421 4.7.0 come later", "slow-down" },
	{ ELSE, "450 4.7.1 come later", "not-yet" },
	{ ELSE, "550 5.7.1 not here", "policy" },
	{ ELSE, "521 no mail here", "no-mail-at-all" },
	{ ELSE, "550 no", "code-no-mailbox" },
	{ ELSE, "552 no", "code-full" },
	{ ELSE, "553 no", "code-address" },
	{ ELSE, "535 no", "code-login" },
	{ ELSE, "501 no", "code-protocol" },
	{ ELSE, "421 no", "code-busy" },
	{ ELSE, "452 no", "code-room" },
	{ ELSE, "450 no", "code-mailbox-busy" },
	{ ELSE, "451 no", "later" },
	{ ELSE, "554 no", "refused" },

	/* What looks like something else. */
	{ ELSE, "550 5.1.1 <spam@far.example>: over there", "no-mailbox" },           /* an address is no word */
	{ ELSE, "550 <spamhaus.greylisted@far.example> no", "code-no-mailbox" },
	{ ELSE, "550 5.1.1 spam folder has no such person", "no-mailbox" },           /* the status is plain */
	{ ELSE, "550 5.7.1 greylisted", "policy" },                                   /* not for good */
	{ ELSE, "550 5.7.515 no", "policy" },                                         /* Microsoft's alone */
	{ ELSE, "450 4.7.650 no", "not-yet" },
	{ ELSE, "550 SC-001 no", "code-no-mailbox" },
	{ ELSE, "421 4.7.0 [TSS04] no", "slow-down" },
	{ ELSE, "554 DT:SPM no", "refused" },
	{ ELSE, "554 IP=192.0.2.1 no", "refused" },
	{ "notgoogle.com", "550 5.7.26 no", "unauthenticated" },                      /* another domain */
	{ "google.com.far.example", "550 5.7.26 no", "unauthenticated" },
	{ "ASPMX.L.GOOGLE.COM.", "550 5.7.26 no", "gmail-unauthenticated" },
	{ OUTLOOK, "550 5.7.605 no", "policy" },                                      /* beside the range */
	{ OUTLOOK, "550 5.7.650 no", "policy" },
	{ OUTLOOK, "550 5.7.500 no", "policy" },
	{ OUTLOOK, "550 4.7.650 no", "policy" },
	{ ELSE, "550 version 5.1.1 no", "code-no-mailbox" },
	{ ELSE, "451 try later [#4.16.1]", "later" },                                 /* no status */
	{ ELSE, "550 5.1.1.2 no", "code-no-mailbox" },
	{ ELSE, "550 2.1.1 no", "code-no-mailbox" },
	{ ELSE, "550 could not be delivered in time", "code-no-mailbox" },            /* not our own words */
	{ ELSE, "450 no connection: connection refused", "code-mailbox-busy" },
	/* clang-format on */
};

static const char *const keys[] = {
#define ADVICE_FROM(id, name, hosts, marks)
#define ADVICE(id, key, codes, statuses, words, means, to_do) key,
#include "bounce/advice.def"
#undef ADVICE_FROM
#undef ADVICE
};
enum { KEYS = sizeof keys / sizeof *keys, ROWS = sizeof rows / sizeof *rows };

static str find(unsigned code, struct bounce_status status, str text, const char *host)
{
	const struct advice *advice = advice_find(code, status, text, str_of(host));

	return advice ? advice->key : STR("none");
}

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		unsigned code = advice_code(str_of(rows[i].reply));
		str key = find(code, (struct bounce_status){ code ? 0 : 5, 0, 0 }, str_of(rows[i].reply),
		               rows[i].host);

		if (!str_eq(key, str_of(rows[i].key)))
			print_message("%s: " STR_FMT "\n", rows[i].reply, STR_ARG(key));
		assert_true(str_eq(key, str_of(rows[i].key)));
	}
}

/* No row is there in vain, or behind one that takes all of its replies; keys are lasting names. */
static void test_every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		bool heard = false;

		for (size_t j = 0; j < ROWS && !heard; j++)
			heard = strcmp(rows[j].key, keys[i]) == 0;
		if (!heard)
			print_message("no reply finds %s\n", keys[i]);
		assert_true(heard);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i], keys[j]);
	}
}

/* The status that is given, and the one in the text. */
static void test_status(void **state)
{
	static const struct {
		unsigned code;
		struct bounce_status given;
		const char *text, *key;
	} cases[] = {
		{ 550, { 5, 1, 1 }, "550 no", "no-mailbox" },
		{ 550, { 5, 1, 1 }, "550 5.1.2 no", "no-mailbox" },
		{ 550, { 5, 0, 0 }, "550 5.1.2 no", "no-host" },
		{ 452, { 5, 4, 7 }, "452 4.2.2 no", "mailbox-full" }, /* given up after days */
		{ 450, { 5, 4, 7 }, "450 greylisted", "greylisting" },
		{ 451, { 5, 4, 7 }, "451 no", "later" },
		{ 0, { 5, 4, 7 }, "", "time-over" },
		{ 0, { 4, 4, 1 }, "no connection: connection refused", "connection-refused" },
		{ 0, { 4, 0, 0 }, "", "later" },
		{ 0, { 5, 999, 999 }, "", "refused" },
		{ 999, { 5, 0, 0 }, "", "refused" },
		{ 450, { 0 }, "", "code-mailbox-busy" },
		{ 250, { 0 }, "250 5.1.1 ok", "none" },
		{ 550, { 2, 1, 5 }, "550 no", "none" },
		{ 354, { 0 }, "", "none" },
		{ 0, { 0 }, "user unknown", "none" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%s\n", cases[i].key);
		assert_true(str_eq(find(cases[i].code, cases[i].given, str_of(cases[i].text), ""),
		                   str_of(cases[i].key)));
	}
}

/* Of a reply LIMIT_REPLY_TEXT octets are looked at. */
static void test_limit(void **state)
{
	static char octets[LIMIT_REPLY_TEXT + 16];
	const struct bounce_status none = { 0 };
	str text = { octets, sizeof octets };

	(void)state;
	memset(octets, 'x', sizeof octets);
	memcpy(octets + LIMIT_REPLY_TEXT - 5, " spam", 5);
	assert_true(str_eq(find(554, none, text, ""), STR("spam")));
	memset(octets, 'x', sizeof octets);
	memcpy(octets + LIMIT_REPLY_TEXT - 4, " spam", 5);
	assert_true(str_eq(find(554, none, text, ""), STR("refused")));
}

static void test_code(void **state)
{
	(void)state;
	assert_int_equal(advice_code(STR("550 no")), 550);
	assert_int_equal(advice_code(STR("421")), 421);
	assert_int_equal(advice_code(STR("42")), 0);
	assert_int_equal(advice_code(STR("")), 0);
	assert_int_equal(advice_code(STR("600 no")), 0);
	assert_int_equal(advice_code(STR("no connection")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies), cmocka_unit_test(test_every_row),
		cmocka_unit_test(test_status),  cmocka_unit_test(test_limit),
		cmocka_unit_test(test_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
