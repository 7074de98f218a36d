/* Serves the registers that standard input names, one "ADDRESS VALUE" a line, with libmodbus.
 * Use: server tcp UNIT, which takes a free port and prints it, or: server rtu UNIT PATH, which prints 0. */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    int is_tcp = strcmp(argv[1], "tcp") == 0;
    modbus_t *bus = is_tcp ? modbus_new_tcp("127.0.0.1", 0) : modbus_new_rtu(argv[3], 38400, 'N', 8, 1);
    modbus_mapping_t *held = modbus_mapping_new(0, 0, 65536, 65536);
    if (bus == NULL || held == NULL || modbus_set_slave(bus, atoi(argv[2])) != 0)
        return 1;
    int address, value;
    while (scanf("%d %d", &address, &value) == 2)
        held->tab_registers[address] = (uint16_t)value;
    int listener = -1, port = 0;
    if (is_tcp) {
        struct sockaddr_in name;
        socklen_t length = sizeof name;
        listener = modbus_tcp_listen(bus, 1);
        if (listener < 0 || getsockname(listener, (struct sockaddr *)&name, &length) != 0)
            return 1;
        port = ntohs(name.sin_port);
    } else if (modbus_connect(bus) != 0) {
        fprintf(stderr, "no port: %s\n", modbus_strerror(errno));
        return 1;
    }
    printf("%d\n", port);
    fflush(stdout);
    uint8_t question[MODBUS_RTU_MAX_ADU_LENGTH > MODBUS_TCP_MAX_ADU_LENGTH ? MODBUS_RTU_MAX_ADU_LENGTH
                                                                           : MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        if (is_tcp && modbus_tcp_accept(bus, &listener) < 0)
            return 1;
        for (;;) {
            int length = modbus_receive(bus, question);
            if (length > 0)
                modbus_reply(bus, question, length, held);
            else if (length < 0 && is_tcp)
                break; /* the client has left; the next one is let in */
        }
    }
}
