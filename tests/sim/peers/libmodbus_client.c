/* Reads registers or coils of one unit with libmodbus and prints one value a line; then tries to write and says what
 * came of it. Use: client tcp PORT UNIT TABLE ADDRESS COUNT, or: client rtu PATH UNIT TABLE ADDRESS COUNT
 * TABLE: 1 coils, 3 holding registers, 4 input registers. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    int unit = atoi(argv[3]), table = atoi(argv[4]), address = atoi(argv[5]), count = atoi(argv[6]);
    modbus_t *bus = strcmp(argv[1], "tcp") == 0 ? modbus_new_tcp("127.0.0.1", atoi(argv[2]))
                                                : modbus_new_rtu(argv[2], 38400, 'N', 8, 1);
    if (bus == NULL || modbus_set_slave(bus, unit) != 0 || modbus_connect(bus) != 0) {
        fprintf(stderr, "no connection: %s\n", modbus_strerror(errno));
        return 1;
    }
    uint16_t words[MODBUS_MAX_READ_REGISTERS];
    uint8_t bits[MODBUS_MAX_READ_BITS];
    int got = table == 1   ? modbus_read_bits(bus, address, count, bits)
              : table == 3 ? modbus_read_registers(bus, address, count, words)
                           : modbus_read_input_registers(bus, address, count, words);
    if (got != count) {
        fprintf(stderr, "read: %s\n", modbus_strerror(errno));
        return 1;
    }
    for (int i = 0; i < count; i++)
        printf("%d\n", table == 1 ? bits[i] : words[i]);
    int written = table == 1 ? modbus_write_bit(bus, address, 1) : modbus_write_register(bus, address, 1);
    printf("writing: %s\n", written == 1 ? "done" : modbus_strerror(errno));
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
