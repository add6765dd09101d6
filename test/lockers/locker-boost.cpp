// The lock of Boost.Interprocess: `hold|try FILE`, as ../python/lockers.py says.
#include <boost/interprocess/sync/file_lock.hpp>
#include <fstream>
#include <iostream>
#include <string>

int main(int, char **arguments) {
  // It locks only what is there.
  std::ofstream(arguments[2], std::ios::app);
  boost::interprocess::file_lock lock(arguments[2]);
  if (!lock.try_lock()) return 1;
  std::cout << "held" << std::endl;
  if (std::string(arguments[1]) == "hold") std::cin.ignore(1 << 20, EOF);
}
