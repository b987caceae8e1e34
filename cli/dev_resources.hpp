// The components of `mecha dev`: one for each kind that the folder of the application does not bring itself, on backends inside
// the sidecar or in files of this host.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::cli {

struct DevPlaces {
  std::string app;   // the folder of the application
  std::string data;  // what all applications of the host share
};

struct DevComponent {
  std::string name, type;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string place;   // the file with the data; empty: none
  std::string remark;  // for people
  std::string other, other_item;  // a real backend, and the item that it needs first

  std::string category() const { return type.substr(0, type.find('.')); }
};

// $TMPDIR or /tmp, whether it is there or not.
std::string temporary_folder();
// $XDG_DATA_HOME/mecha/dev, else ~/.local/share/mecha/dev, else in the temporary folder.
std::string dev_data_folder();
// A folder's name as an application's id: what an id cannot hold becomes "-".
std::string id_of_folder(const std::string& folder);

// All that can be offered, in the order in which it is shown.
std::vector<DevComponent> dev_components(const DevPlaces& places);
// The folders of resources that are in `app` itself: resources, components and .dapr/resources, if they hold YAML.
std::vector<std::string> own_resources(const std::string& app);
// Takes out of `all` the kinds and names that `folders` bring. Folders that cannot be read bring nothing.
void drop_own(std::vector<DevComponent>& all, const std::vector<std::string>& folders, const std::string& app_id);

// A resource file with how to put another backend in its place.
std::string to_manifest(const DevComponent& component);
// Whether write_manifests would change nothing there.
bool holds(const std::string& folder, const std::vector<DevComponent>& components);
// Makes `folder` hold the files of exactly these components, and leaves alone what is there already. With `fresh`, refuses to
// change a file.
Result<void> write_manifests(const std::string& folder, const std::vector<DevComponent>& components, bool fresh);
// The folder .mecha of the application, kept out of version control, and the file of secrets in it; and the data folder.
Result<void> make_dev_folders(const DevPlaces& places);

}  // namespace mecha::cli
