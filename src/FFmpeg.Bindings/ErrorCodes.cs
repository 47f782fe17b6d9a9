namespace FFmpeg.AutoGen;

// The generated files hold what libclang can evaluate; errno values and function-like macros are written here, under FFmpeg.AutoGen's
// names.
public static unsafe partial class ffmpeg
{
    public static readonly int EPERM = 1;
    public static readonly int ENOENT = 2;
    public static readonly int EINTR = 4;
    public static readonly int EIO = 5;
    public static readonly int EAGAIN = 11;
    public static readonly int ENOMEM = 12;
    public static readonly int EINVAL = 22;
    public static readonly int EPIPE = 32;
    public static readonly int ENOSYS = 38;

    public static int AVERROR(int e) => -e;

    public static int AVUNERROR(int e) => -e;
}
