import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The lock of a FileChannel: `hold|try FILE`, as ../python/lockers.py says. */
class Locker {
  public static void main(String[] args) throws Exception {
    var channel = FileChannel.open(Path.of(args[1]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    if (channel.tryLock() == null) System.exit(1);
    System.out.println("held");
    if (args[0].equals("hold")) System.in.readAllBytes();
  }
}
