// The lock of QLockFile: `hold|try FILE`, as ../python/lockers.py says.
#include <QLockFile>
#include <iostream>
#include <string>

int main(int, char **arguments) {
  QLockFile lock(QString::fromLocal8Bit(arguments[2]));
  if (!lock.tryLock(0)) return 1;
  std::cout << "held" << std::endl;
  if (std::string(arguments[1]) == "hold") std::cin.ignore(1 << 20, EOF);
}
