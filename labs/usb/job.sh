# Runs inside the machine: an FTDI adapter under the kernel's own driver.
modprobe -a xhci_pci ftdi_sio usbserial
cd /tmp; PYTHONPATH=/lab/code:/lab/deps python3 /lab/check.py
