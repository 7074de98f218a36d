/* Polls registers with libmodbus as often as asked and prints the CPU microseconds a poll: the floor of what reading a
 * controller can cost. Use: poll tcp PORT HZ POLLS [FUNCTION:ADDRESS:COUNT]..., or: poll rtu DEVICE HZ POLLS ...
 * cc -O2 -o poll libmodbus_poll.c $(pkg-config --cflags --libs libmodbus) */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double clock_s(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    modbus_t *bus = strcmp(argv[1], "tcp") == 0 ? modbus_new_tcp("127.0.0.1", atoi(argv[2]))
                                                : modbus_new_rtu(argv[2], 38400, 'N', 8, 1);
    double hz = atof(argv[3]);
    int polls = atoi(argv[4]);
    if (bus == NULL || modbus_set_slave(bus, 1) != 0 || modbus_connect(bus) != 0) {
        fprintf(stderr, "no connection: %s\n", modbus_strerror(errno));
        return 1;
    }
    modbus_set_response_timeout(bus, 3, 0); /* a busy machine may hold the far end up */
    double begun_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    for (int poll = 1; poll <= polls; poll++) {
        for (int i = 5; i < argc; i++) {
            int function, address, count;
            uint16_t words[MODBUS_MAX_READ_REGISTERS];
            if (sscanf(argv[i], "%d:%d:%d", &function, &address, &count) != 3)
                return 2;
            int got = function == 3 ? modbus_read_registers(bus, address, count, words)
                                    : modbus_read_input_registers(bus, address, count, words);
            if (got != count) {
                fprintf(stderr, "read: %s\n", modbus_strerror(errno));
                return 1;
            }
        }
        double left_s = begun_s + poll / hz - clock_s(CLOCK_MONOTONIC);
        struct timespec pause = {(time_t)left_s, (long)((left_s - (time_t)left_s) * 1e9)};
        if (left_s > 0)
            nanosleep(&pause, NULL);
    }
    printf("%.1f\n", (clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s) / polls * 1e6);
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
